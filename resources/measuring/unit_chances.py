"""What the p-values of a delivery's files tell of how likely its rows have a fault.

measures_<audit> of the delivery -> `canary_chances`, a row for each audit whose suspicion is the p-value of a unit

A worker reads the measures; the driver gets the model.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, chances_by_unit
from ops.core.identity import fingerprint
from ops.core.measure_schemas import CANARY_CHANCES
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.lake.compaction import compact
from resources.lake.tables import Lake
from resources.measuring.recorded import once

#: Raised when another model is fitted to the same p-values.
_REVISION = 1


def tell_by_unit(lake: Lake, delivery: str, identities: Mapping[str, str], *, progress: Progress) -> None:
    """Fits and commits it for those of the audits that have such p-values; `identities` are those of their measures,
    which must be there. What was told before is left as it is."""
    for name, measures in identities.items():
        suspicion = all_audits()[name].suspicion
        if suspicion is None or suspicion.unit is None:
            continue
        identity = fingerprint("p-values", _REVISION, measures)
        if lake.committed(CANARY_CHANCES, once(delivery, identity)):
            continue
        fit = partial(_fitted, lake=lake, delivery=delivery, identity=measures)
        (chances,) = ray_map(fit, [name], progress=progress, label=f"Fit p-values of {name}", total=1)
        keys = {"delivery": delivery, "identity": identity, "at": datetime.now(UTC), "measures": measures}
        rows = pa.Table.from_pylist([chances.row | keys], schema=CANARY_CHANCES.schema)
        lake.write(CANARY_CHANCES, rows, partition={}, once=once(delivery, identity))
        compact(lake, CANARY_CHANCES)


def _fitted(name: str, *, lake: Lake, delivery: str, identity: str) -> AuditChances:
    """Runs in a worker."""
    audit = all_audits()[name]
    if audit.suspicion is None or audit.suspicion.unit is None:
        raise ValueError(f"{name} has no p-values of units")
    where = {"delivery": delivery, "identity": identity}
    columns = [audit.suspicion.unit, audit.suspicion.column]
    return chances_by_unit(name, audit.suspicion, lake.batches(audit.table, where=where, columns=columns))
