"""Simple classifiers of features: what frozen ones are worth, and what pixels are."""
