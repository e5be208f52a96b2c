"""Grouping and joining plans on Spark DataFrames."""
