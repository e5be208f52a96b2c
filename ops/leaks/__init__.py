"""What stands in training data that should not: evaluation sets, answers in metadata."""
