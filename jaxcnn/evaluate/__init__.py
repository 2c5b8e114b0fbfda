"""A run, or published weights, measured on a split."""
