"""The figures that gates judge, and the limits on them."""
