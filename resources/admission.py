"""Deliveries: which one of a drop counts, and whether it may enter the corpus.

The `drops` table is a log: each row says that a delivery entered a state.
"""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ops.guards import GuardSettings
from ops.identity import canonical_json
from ops.schemas import DROPS
from resources.gates import GateResult, ingest_gate
from resources.lake import Lake
from resources.watching import drop_at


def last_delivery(lake: Lake, drop: str) -> str:
    """The delivery that arrived last under the drop's name. LookupError where none has."""
    rows = _arrivals(lake.read(DROPS, where={"drop": drop}))
    if not rows:
        raise LookupError(f"drop {drop!r} has not been read; run `assay run` with its folder")
    return rows[-1]["delivery"]


def drop_source(lake: Lake, drop: str, *, watched: str) -> str:
    """Where the drop's files lie: in the watched folder, or where they were read last. LookupError where neither
    knows the drop."""
    path = drop_at(watched, drop) if watched else None
    rows = [row for row in lake.read(DROPS, where={"drop": drop}).to_pylist() if row["source"]]
    if path is None and not rows:
        raise LookupError(
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
        if _states(log).get(delivery) == state:
            return []
        entered = {**arrived, "state": state, "at": datetime.now(UTC), "gate_results": canonical_json(gate.results)}
        before = [d for d in _admitted(log, drop) if d != delivery] if gate.success else []
        return [_row(entered), *(_superseded(log, d) for d in before)]

    lake.log(DROPS, rows)
    return delivery, gate


def admitted_drops(lake: Lake) -> dict[str, str]:
    """The last admitted delivery of every drop that has one, by drop, in order of names."""
    return _last_admitted(lake.read(DROPS))


def admitted_deliveries(lake: Lake) -> list[str]:
    """The last admitted delivery of every drop: the corpus, in the order in which the drops entered it."""
    log = lake.read(DROPS)
    ordered = sorted(log.to_pylist(), key=lambda row: row["sequence"])
    entered = dict.fromkeys(row["drop"] for row in ordered if row["state"] == "admitted")
    last = _last_admitted(log)
    return [last[drop] for drop in entered if drop in last]


def admitted_delivery(lake: Lake, drop: str) -> str:
    """The drop's last admitted delivery. LookupError where it has none."""
    found = admitted_drops(lake)
    if drop not in found:
        raise LookupError(f"no delivery of drop {drop!r} has been admitted; run `assay run` with its folder")
    return found[drop]


def _arrivals(log: pa.Table) -> list[dict[str, Any]]:
    ordered = sorted(log.to_pylist(), key=lambda row: row["sequence"])
    return [row for row in ordered if row["state"] == "arrived"]


def _states(log: pa.Table) -> dict[str, str]:
    """The present state of each delivery."""
    ordered = sorted(log.to_pylist(), key=lambda row: row["sequence"])
    return {row["delivery"]: row["state"] for row in ordered}


def _last_admitted(log: pa.Table) -> dict[str, str]:
    found = {drop: _admitted(log, drop) for drop in sorted({str(name) for name in log["drop"].to_pylist()})}
    return {drop: deliveries[-1] for drop, deliveries in found.items() if deliveries}


def _admitted(log: pa.Table, drop: str) -> list[str]:
    of_drop = {row["delivery"] for row in log.to_pylist() if row["drop"] == drop}
    return [delivery for delivery, state in _states(log).items() if state == "admitted" and delivery in of_drop]


def _superseded(log: pa.Table, delivery: str) -> dict[str, Any]:
    last = [row for row in log.to_pylist() if row["delivery"] == delivery][-1]
    return _row({**last, "state": "superseded", "at": datetime.now(UTC)})


def _row(entered: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entered.items() if name != "sequence"}
