"""The data sets: one file a family, found by being here."""
