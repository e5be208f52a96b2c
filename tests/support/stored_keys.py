"""The keys and clusters that corpus audits compare rows by, as the lake would hold them."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of


def stored_keys(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables of keys of what was delivered, by name, as audits with their own settings make them."""
    return {
        keys.spec.name: keys.table(tables[keys.made_from.name], audit.settings)
        for audit in audits_of(Scope.CORPUS)
        for keys in audit.keys
    }


def with_clusters(tables: Mapping[str, DataFrame], audit: Audit, settings: Any) -> dict[str, DataFrame]:
    """The tables with the one of the audit's clusters, where it has any, by centres that are found among these rows."""
    if audit.clusters is None:
        return dict(tables)
    placed = audit.clusters.rows(tables, audit.clusters.centres(tables, settings))
    return {**tables, audit.clusters.spec.name: placed}
