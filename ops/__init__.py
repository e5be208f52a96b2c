"""What is measured and decided: plain functions on Arrow tables and arrays (not Dagster's `@op`)."""
