"""What gates found before: the checks of their last runs, from the logs that keep them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ops.core.log import Log, Row
from ops.core.measure_schemas import MEASURES_GATES
from ops.core.schemas import DROPS
from ops.core.version_schemas import VERSIONS
from resources.lake.tables import Lake

#: Runs of a gate that are looked back on.
RUNS = 5

_AT = itemgetter("at")
_OUTCOME = ["delivery", "at", "audit", "gate_results"]

Figure = tuple[str, str]
"""The part of the facts and the figure of it that a check is about."""
Earlier = Mapping[Figure, Sequence[str]]
"""What the last RUNS runs found of each figure, oldest first; `-` where one did not judge it."""


def earlier_ingests(lake: Lake, delivery: str) -> Earlier:
    """What the ingest gate found of the deliveries that it judged before this one, whichever drop they are of."""
    log = Log.of(lake.read(DROPS, columns=["sequence", "delivery", "state", "gate_results"]))
    judged = [row for row in log.rows if row["state"] in ("admitted", "rejected")]
    return _by_figure(_before(judged, "delivery", delivery))


def earlier_measures(lake: Lake, delivery: str) -> dict[str, Earlier]:
    """What the gates of measures found of the deliveries that they judged before this one, by audit."""
    judged = lake.read(MEASURES_GATES, columns=["delivery", "at"]).to_pylist()
    known = [row["delivery"] for row in _before(sorted(judged, key=_AT), "delivery", delivery)]
    rows = lake.read(MEASURES_GATES, where={"delivery": known}, columns=_OUTCOME).to_pylist() if known else []
    by_audit: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=_AT):
        by_audit.setdefault(row["audit"], {})[row["delivery"]] = row
    return {audit: _by_figure([last[name] for name in known if name in last]) for audit, last in by_audit.items()}


def earlier_candidates(lake: Lake, version: int) -> Earlier:
    """What the candidate gate found of the versions that it judged before this one."""
    log = Log.of(lake.read(VERSIONS, columns=["sequence", "version", "gate_results"]))
    # A rollback publishes without a gate.
    judged = [row for row in log.rows if '"checks"' in (row["gate_results"] or "")]
    return _by_figure(_before(judged, "version", version))


def _before(rows: Iterable[Row], subject: str, present: object) -> list[Row]:
    """The last row of each subject but the present one, of those that came before it."""
    last: dict[object, Row] = {}
    for row in rows:
        if row[subject] == present:
            break
        last.pop(row[subject], None)
        last[row[subject]] = row
    return list(last.values())[-RUNS:]


def _by_figure(rows: Sequence[Row]) -> Earlier:
    runs = [_checks(json.loads(row["gate_results"] or "{}")) for row in rows]
    figures = {figure for checks in runs for figure in checks}
    return {figure: [checks.get(figure, "-") for checks in runs] for figure in figures}


def _checks(results: Mapping[str, Any]) -> dict[Figure, str]:
    return {(check["part"], check["figure"]): check["found"] for check in results.get("checks", ())}
