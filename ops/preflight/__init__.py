"""What a trainer would do with each row: one file a trainer's rules, one file a model family's image tokens."""
