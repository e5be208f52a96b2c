"""What the gates found of a version and of its deliveries, and what became of its mix."""

import json
from collections.abc import Iterator, Mapping

from ops.core.log import Row
from ops.report.data import GateCheck, GateFigures, MixFigures, MixPoint
from ops.report.removal_data import RemovalRow
from resources.lake.tables import Lake
from resources.report.rows import from_row
from resources.versions.publishing import gate_result


def mix_figures(lake: Lake, version: int) -> MixFigures | None:
    """What the version's gate found of its mix; None where it was not gated."""
    result = gate_result(lake, version)
    facts: dict[str, list[Row]] = result["facts"] if result else {}
    if "mix" not in facts:
        return None
    row = facts["mix"][0]
    curve = tuple(from_row(MixPoint, point) for point in facts["mix_curve"])
    return from_row(MixFigures, row, curve=curve)


def removal_rows(lake: Lake, version: int) -> tuple[RemovalRow, ...]:
    """What the version's gate found of removals by group; empty where it was not gated, or found nothing."""
    result = gate_result(lake, version)
    facts: dict[str, list[Row]] = result["facts"] if result else {}
    return tuple(from_row(RemovalRow, row) for row in facts.get("removal", ()))


def gate_figures(lake: Lake, version: int, admitted: Mapping[str, Row]) -> Iterator[GateFigures]:
    """The version's own gate, then those that admitted its deliveries."""
    judged = gate_result(lake, version)
    admissions = [json.loads(drop["gate_results"] or "{}") for drop in admitted.values()]
    for result in [*([judged] if judged else []), *(result for result in admissions if "checks" in result)]:
        checks = tuple(from_row(GateCheck, check, observed=check["found"] or "") for check in result["checks"])
        yield from_row(GateFigures, result, failures=tuple(result["failures"]), checks=checks)
