"""A published version written as the files that a trainer reads."""
