"""What happens to images in the world, by strength: a model is measured on them, not trained."""
