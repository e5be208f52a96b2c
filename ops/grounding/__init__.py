"""How well a text fits its image, and its image a text."""
