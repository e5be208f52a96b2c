"""Deliveries: which one of a drop counts, and whether it may enter the corpus.

The `drops` table is a log: each row says that a delivery entered a state.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.core.errors import MissingError
from ops.core.identity import canonical_json
from ops.core.log import SEQUENCE, Log, Row, successor
from ops.core.schemas import DROPS
from ops.decision.versions import LeftOut, Version
from ops.gates.guards import GuardSettings
from ops.intake.reading import is_older
from resources.gates.gates import GateResult, ingest_gate
from resources.intake.drop_folders import drop_at, still_holds
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


def admitted_drops(lake: Lake) -> dict[str, str]:
    """The last admitted delivery of every drop that has one, by drop, in order of names."""
    return _last_admitted(Log.of(lake.read(DROPS, columns=_STATE)))


def admitted_deliveries(lake: Lake) -> list[str]:
    """The last admitted delivery of every drop: the corpus, in the order in which the drops entered it."""
    log = Log.of(lake.read(DROPS, columns=_STATE))
    last = _last_admitted(log)
    return [last[drop] for drop in log.where(state="admitted").first_by("drop") if drop in last]


def admitted_delivery(lake: Lake, drop: str) -> str:
    """The drop's last admitted delivery. MissingError where it has none."""
    admitted = admitted_drops(lake)
    if drop not in admitted:
        out = next((one.line for one in not_admitted(lake) if one.drop == drop), "")
        known = out or f"no delivery of drop {drop!r} has been admitted; run `assay run` with its folder"
        raise MissingError(known)
    return admitted[drop]


def not_admitted(lake: Lake) -> list[LeftOut]:
    """The drops whose last delivery is rejected, not gated yet or withdrawn, with the reason, in order of names. Where
    an earlier delivery of the drop is in the corpus, it stays there."""
    log = Log.of(lake.read(DROPS))
    admitted = _last_admitted(log)
    rows = [row for _, row in sorted(last_of_drops(log).items()) if row["state"] in _OUT]
    return [_left_out(row, admitted.get(row["drop"], "")) for row in rows]


@dataclass(frozen=True, slots=True)
class OldReading:
    """An admitted delivery that an older reader read. `source` is the folder of its files; `readable` says whether that
    still has them, by their names, so that it can be read again."""

    drop: str
    delivery: str
    source: str
    readable: bool

    @property
    def line(self) -> str:
        """What it is, and what to do."""
        where = f" ({self.source})" if self.source else ""
        return (
            f"drop {self.drop!r} was read by an older reader (rows could be mistaken, e.g. judged answers for "
            f"targets): run it again with its folder{where}"
        )


def old_readings(lake: Lake) -> list[OldReading]:
    """The drops whose admitted delivery an older reader read, in order of names."""
    log = Log.of(lake.read(DROPS))
    present = log.last_by("delivery")
    arrivals = log.where(state="arrived").last_by("drop")
    old: list[OldReading] = []
    for drop, delivery in _last_admitted(log).items():
        row = present[delivery]
        if is_older(row["reading"]):
            names = [file["file"] for file in row["files"] or ()]
            # Read again, it would be the drop's last delivery: not where one came after it.
            readable = (
                drop in arrivals and arrivals[drop]["delivery"] == delivery and still_holds(row["source"] or "", names)
            )
            old.append(OldReading(drop, delivery, row["source"] or "", readable))
    return old


def kept_out(lake: Lake, version: Version) -> tuple[LeftOut, ...]:
    """What the version was made without, and, where it is current, what was kept out since; rejected drops first."""
    pinned = {one.delivery for one in version.left_out}
    since = [one for one in not_admitted(lake) if one.delivery not in pinned] if version.current else []
    return tuple(sorted([*version.left_out, *since], key=lambda one: one.state != "rejected"))


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


_OUT = ("arrived", "rejected", "withdrawn")


def _left_out(row: Mapping[str, Any], stays: str) -> LeftOut:
    drop, state = row["drop"], row["state"]
    gate = json.loads(row["gate_results"] or "{}") if state == "rejected" else {}
    why = "; ".join(gate.get("failures", ())) if state == "rejected" else row["note"] or ""
    fix = {
        "arrived": "run the drop again",
        "rejected": "; ".join(gate.get("fixes", ())),
        "withdrawn": f"`assay withdraw {drop} --undo` takes it back",
    }[state]
    return LeftOut(drop, row["delivery"], state, why, fix, stays=stays)


def _require_known(log: Log, drop: str) -> None:
    names = sorted(map(str, log.last_by("drop")))
    if drop not in names:
        raise MissingError(f"there is no drop {drop!r}; there are {', '.join(names) or 'none'}")


#: The columns of `drops` that say which delivery is in which state.
_STATE = [SEQUENCE, "drop", "delivery", "state"]


def last_of_drops(log: Log) -> dict[str, Row]:
    """The last row of each drop's last delivery, by drop. What an earlier delivery came to after that one arrived (it
    was superseded) is no state of the drop."""
    return {str(row["drop"]): row for row in log.last_by("delivery").values()}


def _last_admitted(log: Log) -> dict[str, str]:
    states = log.last_by("delivery").items()
    admitted = {str(row["drop"]): delivery for delivery, row in states if row["state"] == "admitted"}
    return dict(sorted(admitted.items()))


def _in_state(log: Log, drop: str, state: str) -> list[Row]:
    """The last rows of the drop's deliveries that are in that state, in the order in which they came."""
    return [row for row in log.last_by("delivery").values() if row["drop"] == drop and row["state"] == state]
