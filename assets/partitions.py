"""How assets are divided and share a machine: a partition a drop, added when a drop is first seen, and a pool."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

drops = dg.DynamicPartitionsDefinition(name="drops")

ENGINES = "engines"
"""The pool of steps that start Ray or Spark, which take the cores and the memory of a machine
(infra/instance/dagster.yaml)."""


def drop_of(context: dg.AssetExecutionContext, arguments: Mapping[str, Any]) -> str:
    """The drop that a function is called for: its argument, or the run's partition; empty for one of the corpus."""
    return arguments.get("drop") or (context.partition_key if context.has_partition_key else "")
