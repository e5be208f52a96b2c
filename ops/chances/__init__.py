"""How likely a fault is, row by row, from the measures of a whole delivery."""
