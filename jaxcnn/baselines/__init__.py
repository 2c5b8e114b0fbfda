"""What a network on a data set has to beat."""
