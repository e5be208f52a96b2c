"""How assets are divided and share a machine: a partition a drop, added when a drop is first seen, and a pool."""

import dagster as dg

drops = dg.DynamicPartitionsDefinition(name="drops")

ENGINES = "engines"
"""The pool of steps that start Ray or Spark, which take the cores and the memory of a machine (infra/dagster.yaml)."""
