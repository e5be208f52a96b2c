"""One file an input format; `registry` finds them."""
