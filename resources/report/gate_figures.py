"""What the gates found of a version and of its deliveries, and what became of its mix."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ops.core.log import Log, Row
from ops.core.version_schemas import VERSIONS
from ops.report.data import GateCheck, GateFigures, MixFigures, MixPoint
from resources.lake.tables import Lake
from resources.report.rows import from_row


def mix_figures(lake: Lake, version: int) -> MixFigures | None:
    """What the version's gate found of its mix; None where it was not gated."""
    result = _version_gate(lake, version)
    facts: dict[str, list[Row]] = result["facts"] if result else {}
    if "mix" not in facts:
        return None
    row = facts["mix"][0]
    curve = tuple(from_row(MixPoint, point) for point in facts["mix_curve"])
    return from_row(MixFigures, row, curve=curve)


def _version_gate(lake: Lake, version: int) -> dict[str, Any] | None:
    """The last result of the version's own gate. A rollback's row says where it came from and has none."""
    log = Log.of(lake.read(VERSIONS, where={"version": version}))
    results = [json.loads(row["gate_results"] or "{}") for row in log.rows]
    return next((result for result in reversed(results) if "checks" in result), None)


def gate_figures(lake: Lake, version: int, admitted: Mapping[str, Row]) -> Iterator[GateFigures]:
    """The version's own gate, then those that admitted its deliveries."""
    judged = _version_gate(lake, version)
    admissions = [json.loads(drop["gate_results"] or "{}") for drop in admitted.values()]
    for result in [*([judged] if judged else []), *(result for result in admissions if "checks" in result)]:
        checks = tuple(from_row(GateCheck, check, observed=check["found"] or "") for check in result["checks"])
        yield from_row(GateFigures, result, failures=tuple(result["failures"]), checks=checks)
