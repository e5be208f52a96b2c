"""One file an audit; `registry` finds them."""
