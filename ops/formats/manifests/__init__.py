"""One file a trainer's manifest: what a drop may hold beside its rows to say what its files are."""
