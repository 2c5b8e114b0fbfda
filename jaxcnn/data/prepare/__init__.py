"""Prepares data sets for reading, once: ArrayRecord files in TFDS's layout."""
