"""A run's folder and what is kept there: checkpoints, figures, what it learned from."""
