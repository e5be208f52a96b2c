"""Whether the picture is needed: heads, fitted on folds that never saw the turn."""
