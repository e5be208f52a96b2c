"""What audits look at beside the rows: vectors, pictures, answers of a model, looked up by content."""
