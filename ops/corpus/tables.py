"""What an audit of a corpus reads, and what it gives back."""

from collections.abc import Mapping
from typing import TypeAlias

from pyspark.sql import DataFrame

CorpusTables: TypeAlias = Mapping[str, DataFrame]
"""The tables that an audit `reads`, of the admitted deliveries, by name."""
CorpusRows: TypeAlias = DataFrame
"""Rows of one table of the lake."""
CorpusMeasures: TypeAlias = DataFrame
"""The key columns of the audit's grain and then its columns, one row a key."""
