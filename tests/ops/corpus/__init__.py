"""Corpus plans, on a real Spark."""
