"""What was found of canaries, as the lake keeps it: one flight of a delivery's canaries is one commit."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

import pyarrow as pa

from ops.canaries.outcome import CanaryOutcome, RuleOutcome
from ops.core.measure_schemas import CANARIES, CANARY_RULES
from ops.core.schemas import TableSpec
from resources.lake.compaction import compact
from resources.lake.tables import Lake
from resources.measuring.recorded import once


def record_flight(
    lake: Lake,
    delivery: str,
    identity: str,
    at: datetime,
    *,
    audits: Iterable[CanaryOutcome],
    rules: Iterable[RuleOutcome],
) -> None:
    """Commits what came of the delivery's canaries under this identity, by audit and by rule."""

    def record(spec: TableSpec, results: Iterable[CanaryOutcome | RuleOutcome]) -> None:
        keys = {"delivery": delivery, "identity": identity, "at": at}
        table = pa.Table.from_pylist([asdict(outcome) | keys for outcome in results], schema=spec.schema)
        lake.write(spec, table, partition={}, once=once(delivery, identity))
        compact(lake, spec)

    # Those of audits last: their commit says that the canaries flew.
    record(CANARY_RULES, rules)
    record(CANARIES, audits)
