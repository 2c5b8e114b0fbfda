"""Lines, names and figures that people read."""
