"""What exists: thin Dagster declarations of each table, its partitions and its checks."""
