"""One file an output format; `registry` finds them."""
