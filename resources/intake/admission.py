"""Which delivery of a drop is admitted: decided by the ingest gate, and by people who withdraw a drop.

The `drops` table is a log: each row says that a delivery entered a state.
"""

from datetime import UTC, datetime

from ops.core.errors import MissingError
from ops.core.identity import canonical_json
from ops.core.log import Log, Row, successor
from ops.core.schemas import DROPS
from ops.gates.guards import GuardSettings
from resources.gates.gates import GateResult, ingest_gate
from resources.intake.drop_folders import drop_at
from resources.lake.tables import Lake


def last_delivery(lake: Lake, drop: str) -> str:
    """The delivery that arrived last under the drop's name. MissingError where none has."""
    arrival = Log.of(lake.read(DROPS, where={"drop": drop})).where(state="arrived").last
    if arrival is None:
        raise MissingError(f"drop {drop!r} has not been read; run `assay run` with its folder")
    return arrival["delivery"]


def drop_source(lake: Lake, drop: str, *, watched: str) -> str:
    """Where the drop's files lie: in the watched folder, or where they were read last. MissingError where neither
    knows the drop."""
    path = drop_at(watched, drop) if watched else None
    sources = [row["source"] for row in Log.of(lake.read(DROPS, where={"drop": drop})).rows if row["source"]]
    if path is None and not sources:
        raise MissingError(
            f"nothing says where drop {drop!r} lies: give the run config `ops.ingest.config.path`, or put the drop "
            "into the watched folder (`ingest.watched` in assay.yaml)"
        )
    return path or sources[-1]


def admit(lake: Lake, drop: str, *, settings: GuardSettings) -> tuple[str, GateResult]:
    """Gates the drop's last delivery and records it as admitted or rejected; returns the delivery and the figures.

    An admitted delivery supersedes the one admitted before it under the same name. A rejected one leaves that one in
    the corpus, unless it is the same bytes in an older reading, whose rows are known to be mistaken. Nothing is
    recorded where the state is already what the gate says.
    """
    delivery = last_delivery(lake, drop)
    arrived = Log.of(lake.read(DROPS, where={"delivery": delivery})).where(state="arrived").rows[0]
    gate = ingest_gate(lake, delivery, settings=settings)
    state = "admitted" if gate.success else "rejected"

    def rows(log: Log) -> list[Row]:
        if log.last_by("delivery")[delivery]["state"] == state:
            return []
        now = datetime.now(UTC)
        entered = successor(arrived, state=state, at=now, gate_results=canonical_json(gate.results))
        before = [row for row in _in_state(log, drop, "admitted") if row["delivery"] != delivery]
        over = [row for row in before if gate.success or row["delivery"] == arrived["rereads"]]
        return [entered, *(successor(row, state="superseded", at=now) for row in over)]

    lake.log(DROPS, rows)
    return delivery, gate


def withdraw(lake: Lake, drop: str, *, note: str = "") -> str | None:
    """Takes the drop out of the next version; its rows and measures stay. Returns the delivery that left, None where
    none was in the corpus. MissingError where no drop has that name."""

    def rows(log: Log) -> list[Row]:
        _require_known(log, drop)
        gone = _in_state(log, drop, "admitted")
        return [successor(row, state="withdrawn", at=datetime.now(UTC), note=note or None) for row in gone]

    entered = lake.log(DROPS, rows)
    return entered[-1]["delivery"] if entered else None


def undo_withdrawal(lake: Lake, drop: str) -> str | None:
    """Takes a withdrawn drop back in, as it was admitted. Returns the delivery that came back, None where none was
    withdrawn. MissingError where no drop has that name."""

    def rows(log: Log) -> list[Row]:
        _require_known(log, drop)
        withdrawn = _in_state(log, drop, "withdrawn")
        if not withdrawn or _in_state(log, drop, "admitted"):
            return []
        return [successor(withdrawn[-1], state="admitted", at=datetime.now(UTC), note=None)]

    entered = lake.log(DROPS, rows)
    return entered[-1]["delivery"] if entered else None


def _require_known(log: Log, drop: str) -> None:
    names = sorted(map(str, log.last_by("drop")))
    if drop not in names:
        raise MissingError(f"there is no drop {drop!r}; there are {', '.join(names) or 'none'}")


def _in_state(log: Log, drop: str, state: str) -> list[Row]:
    """The last rows of the drop's deliveries that are in that state, in the order in which they came."""
    return [row for row in log.last_by("delivery").values() if row["drop"] == drop and row["state"] == state]
