"""Pages on which persons look at examples, and what becomes of their answers."""
