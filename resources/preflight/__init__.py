"""What trainers would do with the rows of a version or of a drop."""
