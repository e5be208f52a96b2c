"""The keys that corpus audits compare rows by, as the lake would hold them."""

from collections.abc import Mapping

import pyarrow as pa

from ops.audits.contract import Scope
from ops.audits.registry import audits_of
from ops.core.arrow_types import fields


def stored_keys(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables of keys of what was delivered, by name, as audits with their own settings make them."""
    made: dict[str, pa.Table] = {}
    for audit in audits_of(Scope.CORPUS):
        for keys in audit.keys:
            names = [name for name in keys.spec.schema.names if name != "rules"]
            batches = tables[keys.made_from.name].select(list(keys.columns)).to_batches()
            rows = [keys.rows(batch, audit.settings) for batch in batches]
            made[keys.spec.name] = pa.Table.from_batches(rows, pa.schema(fields(keys.spec.schema, *names)))
    return made
