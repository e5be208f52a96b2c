"""What was found of canaries, as the lake keeps it: one flight of a delivery's canaries is one commit."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

import pyarrow as pa

from ops.canaries.groups import GroupOutcome
from ops.canaries.outcome import CanaryOutcome, RuleOutcome
from ops.core.log import Row
from ops.core.measure_schemas import CANARIES, CANARY_CHANCES, CANARY_GROUPS, CANARY_RULES
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
    chances: Sequence[Row] = (),
    groups: Sequence[GroupOutcome] = (),
) -> None:
    """Commits what came of the delivery's canaries under this identity, by audit, rule and group, and what they tell of
    own rows (CANARY_CHANCES, without what names the flight)."""

    def record(spec: TableSpec, rows: Iterable[Row]) -> None:
        keys = {"delivery": delivery, "identity": identity, "at": at}
        table = pa.Table.from_pylist([row | keys for row in rows], schema=spec.schema)
        lake.write(spec, table, partition={}, once=once(delivery, identity))
        compact(lake, spec)

    if chances:
        record(CANARY_CHANCES, chances)
    if groups:
        record(CANARY_GROUPS, map(asdict, groups))
    # Those of audits last: their commit says that the canaries flew.
    record(CANARY_RULES, map(asdict, rules))
    record(CANARIES, map(asdict, audits))
