"""What persons say of examples: their answers as files, samples for them, and what their labels tell of the rules."""
