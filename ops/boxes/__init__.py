"""Boxes in pictures: the scales that their numbers are on, how models write them, and how else to write them."""
