"""Training: the loop, what it shows, and the command line that starts it."""
