"""The keys that corpus audits compare rows by, as the lake would hold them."""

from collections.abc import Mapping

import pyarrow as pa

from ops.audits.contract import Scope
from ops.audits.registry import audits_of


def stored_keys(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables of keys of what was delivered, by name, as audits with their own settings make them."""
    return {
        keys.spec.name: keys.table(tables[keys.made_from.name], audit.settings)
        for audit in audits_of(Scope.CORPUS)
        for keys in audit.keys
    }
