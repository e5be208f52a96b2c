"""One file a model family: tokens of a picture, the chat template, presets; `ops.preflight.registry` finds them."""
