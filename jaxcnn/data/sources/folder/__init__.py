"""A folder of a user's own pictures: what lies in it, what its names mean, and who may see what."""
