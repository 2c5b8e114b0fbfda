"""Looks through a whole data set, and shows what is there."""
