"""What is done to an image on the host, and what is drawn for it."""
