"""The models there are, or one of them layer by layer."""
