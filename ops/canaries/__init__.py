"""Canaries: rows of a delivery that are damaged in memory, to see which audits find them."""
