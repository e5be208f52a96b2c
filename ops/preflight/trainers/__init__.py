"""One file a trainer's rules; `ops.preflight.registry` finds them."""
