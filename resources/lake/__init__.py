"""The lake: Delta tables, their files and commits, scratch, retention."""
