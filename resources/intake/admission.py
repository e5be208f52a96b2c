"""Deliveries: which one of a drop counts, and whether it may enter the corpus.

The `drops` table is a log: each row says that a delivery entered a state.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ops.core.errors import MissingError
from ops.core.identity import canonical_json
from ops.core.schemas import DROPS
from ops.decision.versions import LeftOut, Version
from ops.gates.guards import GuardSettings
from resources.gates.gates import GateResult, ingest_gate
from resources.intake.drop_folders import drop_at
from resources.lake.tables import Lake


def last_delivery(lake: Lake, drop: str) -> str:
    """The delivery that arrived last under the drop's name. MissingError where none has."""
    rows = _arrivals(lake.read(DROPS, where={"drop": drop}))
    if not rows:
        raise MissingError(f"drop {drop!r} has not been read; run `assay run` with its folder")
    return rows[-1]["delivery"]


def drop_source(lake: Lake, drop: str, *, watched: str) -> str:
    """Where the drop's files lie: in the watched folder, or where they were read last. MissingError where neither
    knows the drop."""
    path = drop_at(watched, drop) if watched else None
    rows = [row for row in lake.read(DROPS, where={"drop": drop}).to_pylist() if row["source"]]
    if path is None and not rows:
        raise MissingError(
            f"nothing says where drop {drop!r} lies: give the run config `ops.ingest.config.path`, or put the drop "
            "into the watched folder (`ingest.watched` in assay.yaml)"
        )
    return path or rows[-1]["source"]


def admit(lake: Lake, drop: str, *, settings: GuardSettings) -> tuple[str, GateResult]:
    """Gates the drop's last delivery and records it as admitted or rejected; returns the delivery and the figures.

    An admitted delivery supersedes the one admitted before it under the same name. A rejected one leaves that one in
    the corpus. Nothing is recorded where the state is already what the gate says.
    """
    delivery = last_delivery(lake, drop)
    arrived = next(r for r in lake.read(DROPS, where={"delivery": delivery}).to_pylist() if r["state"] == "arrived")
    gate = ingest_gate(lake, delivery, settings=settings)
    state = "admitted" if gate.success else "rejected"

    def rows(log: pa.Table) -> list[dict[str, Any]]:
        if _last_rows(log)[delivery]["state"] == state:
            return []
        entered = {**arrived, "state": state, "at": datetime.now(UTC), "gate_results": canonical_json(gate.results)}
        before = [row for row in _in_state(log, drop, "admitted") if row["delivery"] != delivery]
        gone = {"state": "superseded", "at": datetime.now(UTC)}
        return [_row(entered), *(_row({**row, **gone}) for row in before if gate.success)]

    lake.log(DROPS, rows)
    return delivery, gate


def admitted_drops(lake: Lake) -> dict[str, str]:
    """The last admitted delivery of every drop that has one, by drop, in order of names."""
    return _last_admitted(_last_rows(lake.read(DROPS, columns=_STATE)))


def admitted_deliveries(lake: Lake) -> list[str]:
    """The last admitted delivery of every drop: the corpus, in the order in which the drops entered it."""
    log = lake.read(DROPS, columns=_STATE)
    entered = dict.fromkeys(row["drop"] for row in _ordered(log) if row["state"] == "admitted")
    last = _last_admitted(_last_rows(log))
    return [last[drop] for drop in entered if drop in last]


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
    last_rows = _last_rows(lake.read(DROPS))
    admitted = _last_admitted(last_rows)
    last_of_drop = {str(row["drop"]): row for row in last_rows.values()}
    rows = [row for _, row in sorted(last_of_drop.items()) if row["state"] in _OUT]
    return [_left_out(row, admitted.get(row["drop"], "")) for row in rows]


def kept_out(lake: Lake, version: Version) -> tuple[LeftOut, ...]:
    """What the version was made without, and, where it is current, what was kept out since; rejected drops first."""
    pinned = {one.delivery for one in version.left_out}
    since = [one for one in not_admitted(lake) if one.delivery not in pinned] if version.current else []
    return tuple(sorted([*version.left_out, *since], key=lambda one: one.state != "rejected"))


def withdraw(lake: Lake, drop: str, *, note: str = "") -> str | None:
    """Takes the drop out of the next version; its rows and measures stay. Returns the delivery that left, None where
    none was in the corpus. MissingError where no drop has that name."""

    def rows(log: pa.Table) -> list[dict[str, Any]]:
        _require_known(log, drop)
        gone = _in_state(log, drop, "admitted")
        return [_row({**row, "state": "withdrawn", "at": datetime.now(UTC), "note": note or None}) for row in gone]

    entered = lake.log(DROPS, rows)
    return entered[-1]["delivery"] if entered else None


def undo_withdrawal(lake: Lake, drop: str) -> str | None:
    """Takes a withdrawn drop back in, as it was admitted. Returns the delivery that came back, None where none was
    withdrawn. MissingError where no drop has that name."""

    def rows(log: pa.Table) -> list[dict[str, Any]]:
        _require_known(log, drop)
        withdrawn = _in_state(log, drop, "withdrawn")
        if not withdrawn or _in_state(log, drop, "admitted"):
            return []
        return [_row({**withdrawn[-1], "state": "admitted", "at": datetime.now(UTC), "note": None})]

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


def _require_known(log: pa.Table, drop: str) -> None:
    names = sorted({str(name) for name in log["drop"].to_pylist()})
    if drop not in names:
        raise MissingError(f"there is no drop {drop!r}; there are {', '.join(names) or 'none'}")


#: The columns of `drops` that say which delivery is in which state.
_STATE = ["sequence", "drop", "delivery", "state"]


def _ordered(log: pa.Table) -> list[dict[str, Any]]:
    return sorted(log.to_pylist(), key=lambda row: row["sequence"])


def _last_rows(log: pa.Table) -> dict[str, dict[str, Any]]:
    """The last row of each delivery, in the order in which the deliveries came."""
    return {row["delivery"]: row for row in _ordered(log)}


def _arrivals(log: pa.Table) -> list[dict[str, Any]]:
    return [row for row in _ordered(log) if row["state"] == "arrived"]


def _last_admitted(last_rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    admitted = {str(row["drop"]): delivery for delivery, row in last_rows.items() if row["state"] == "admitted"}
    return dict(sorted(admitted.items()))


def _in_state(log: pa.Table, drop: str, state: str) -> list[dict[str, Any]]:
    """The last rows of the drop's deliveries that are in that state, in the order in which they came."""
    return [row for row in _last_rows(log).values() if row["drop"] == drop and row["state"] == state]


def _row(entered: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entered.items() if name != "sequence"}
