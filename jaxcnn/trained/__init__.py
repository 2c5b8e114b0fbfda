"""A network with its weights, and what brings a data set or pictures to it."""
