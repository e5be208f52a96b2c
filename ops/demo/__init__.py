"""The demo: a drop of real data with planted, recorded faults, and the score of what was found of them."""
