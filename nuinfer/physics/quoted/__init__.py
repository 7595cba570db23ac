"""What the paper quotes and no fit needs."""
