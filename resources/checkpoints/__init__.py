"""A fine-tuned image tower beside its baseline: weights read safely, features of a lake's own pictures, the audit."""
