"""The average of several runs' weights, as one network."""
