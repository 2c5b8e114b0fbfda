"""A search for the best recipe, by validation alone."""
