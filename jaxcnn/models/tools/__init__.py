"""What is asked of a model without running it, and what is made of a trained one."""
