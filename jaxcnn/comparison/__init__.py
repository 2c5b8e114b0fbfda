"""Networks and baselines beside each other on the same images: figures, differences, tables."""
