"""A fine-tuned image tower held against the one it was made from: kernels on arrays of features."""
