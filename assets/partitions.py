"""Partitions: one a drop, added when a drop is first seen."""

import dagster as dg

drops = dg.DynamicPartitionsDefinition(name="drops")
