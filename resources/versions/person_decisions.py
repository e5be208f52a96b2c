"""What persons decided on examples, as the lake remembers it: read for the versions that come after, and recorded."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from ops.core.identity import fingerprint
from ops.core.log import Log, Row
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import DECISIONS
from ops.decision.overruling import CLEAR, Decision, standing
from resources.lake.tables import Lake


def standing_decisions(lake: Lake, table_version: int | None = None) -> dict[str, Decision]:
    """The decisions that hold, by example id; as of a Delta version of the table, where one is given."""
    if table_version is not None and table_version < 0:
        return {}
    return standing(Log.of(lake.read(DECISIONS, version=table_version)))


def decisions_identity(decisions: dict[str, Decision]) -> str:
    """Identity of what they decide and of the reasons that they give; empty where there is none."""
    return fingerprint([asdict(decisions[example]) for example in sorted(decisions)]) if decisions else ""


def record_decisions(lake: Lake, decisions: Sequence[Decision]) -> int:
    """Adds those to the log that change what holds, in one commit; returns how many. `at` becomes the time of the
    commit, and drop and source id are looked up. An example that is not in the lake keeps them null."""
    ids = sorted({decision.example_id for decision in decisions})
    columns = ["example_id", "drop", "source_id"]
    rows = lake.read(EXAMPLES, where={"example_id": ids}, columns=columns).to_pylist() if ids else []
    origins: dict[str, Row] = {row["example_id"]: row for row in rows}

    def new_rows(log: Log) -> list[Row]:
        held, now = standing(log), datetime.now(UTC)
        changing = [decision for decision in decisions if _changes(decision, held.get(decision.example_id))]
        return [{**asdict(decision), **origins.get(decision.example_id, {}), "at": now} for decision in changing]

    return len(lake.log(DECISIONS, new_rows))


def decided_on(lake: Lake, example: str, origins: Sequence[tuple[str, str]]) -> list[Row]:
    """What was decided on the example, and on other contents of the same raw rows (drop, source id), in the order of
    the log; each with `state`: holds, replaced, taken back, or lapsed, where it is about another content."""
    log = Log.of(lake.read(DECISIONS))
    held = {row["sequence"] for row in log.last_by("example_id").values()}
    rows: list[Row] = []
    for row in log.rows:
        if row["example_id"] == example:
            last = "taken back" if row["action"] == CLEAR else "holds"
            rows.append({**row, "state": last if row["sequence"] in held else "replaced"})
        elif (row["drop"], row["source_id"]) in origins:
            rows.append({**row, "state": "lapsed"})
    return rows


def _changes(decision: Decision, held: Decision | None) -> bool:
    """Whether anything is different after it: who said the same for the same reason before need not be heard again."""
    if decision.action == CLEAR:
        return held is not None
    same = (decision.action, decision.by, decision.why)
    return held is None or same != (held.action, held.by, held.why)
