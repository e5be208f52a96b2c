"""Canaries that were judged before."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from ops.canaries.outcome import ANY, CanaryOutcome
from ops.core.accuracy import wilson
from ops.core.measure_schemas import CANARIES
from resources.lake.tables import Lake


def fly(
    lake: Lake,
    delivery: str,
    caught: int,
    *,
    planted: int = 100,
    hour: int = 0,
    identity: str = "i",
    fault: str = "wrong_image",
) -> None:
    recall = wilson(caught / planted, planted)
    rows = [
        asdict(CanaryOutcome(fault, audit, planted, caught, *recall, 1000, 3, 0.001, 0.009))
        | {"delivery": delivery, "identity": identity, "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)}
        for audit in ("image_mismatch", ANY)
    ]
    table = pa.Table.from_pylist(rows, schema=CANARIES.schema)
    lake.write(CANARIES, table, partition={}, once=f"{delivery}/{identity}")
