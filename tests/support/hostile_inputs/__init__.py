"""Hostile rows, archives, files, names and pictures, some two thousand of them."""
