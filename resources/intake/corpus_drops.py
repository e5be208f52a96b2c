"""Which deliveries make up the corpus, and which drops stay out of it and why: read from the log of `drops`."""

import json

from ops.core.errors import MissingError
from ops.core.log import SEQUENCE, Log, Row
from ops.core.schemas import DROPS
from ops.decision.versions import LeftOut, Version
from resources.lake.tables import Lake

_OUT = ("arrived", "rejected", "withdrawn")
#: The columns of `drops` that say which delivery is in which state.
_STATE = [SEQUENCE, "drop", "delivery", "state"]


def admitted_drops(lake: Lake) -> dict[str, str]:
    """The last admitted delivery of every drop that has one, by drop, in order of names."""
    return last_admitted(Log.of(lake.read(DROPS, columns=_STATE)))


def admitted_deliveries(lake: Lake) -> list[str]:
    """The last admitted delivery of every drop: the corpus, in the order in which the drops entered it."""
    log = Log.of(lake.read(DROPS, columns=_STATE))
    last = last_admitted(log)
    return [last[drop] for drop in log.where(state="admitted").first_by("drop") if drop in last]


def admitted_delivery(lake: Lake, drop: str) -> str:
    """The drop's last admitted delivery. MissingError where it has none."""
    admitted = admitted_drops(lake)
    if drop not in admitted:
        reason = next((left_out.line for left_out in not_admitted(lake) if left_out.drop == drop), "")
        raise MissingError(reason or f"no delivery of drop {drop!r} has been admitted; run `assay run` with its folder")
    return admitted[drop]


def drops_by_delivery(lake: Lake) -> dict[str, str]:
    """The drop of every delivery that ever arrived."""
    return {row["delivery"]: row["drop"] for row in lake.read(DROPS, columns=["delivery", "drop"]).to_pylist()}


def not_admitted(lake: Lake) -> list[LeftOut]:
    """The drops whose last delivery is rejected, not gated yet or withdrawn, with the reason, in order of names. Where
    an earlier delivery of the drop is in the corpus, it stays there."""
    log = Log.of(lake.read(DROPS))
    admitted = last_admitted(log)
    rows = [row for _, row in sorted(last_of_drops(log).items()) if row["state"] in _OUT]
    return [_left_out(row, admitted.get(row["drop"], "")) for row in rows]


def kept_out(lake: Lake, version: Version) -> tuple[LeftOut, ...]:
    """What the version was made without, and, where it is current, what was kept out since; rejected drops first."""
    pinned = {left.delivery for left in version.left_out}
    since = [drop for drop in not_admitted(lake) if drop.delivery not in pinned] if version.current else []
    return tuple(sorted([*version.left_out, *since], key=lambda left: left.state != "rejected"))


def last_of_drops(log: Log) -> dict[str, Row]:
    """The last row of each drop's last delivery, by drop. What an earlier delivery came to after that one arrived (it
    was superseded) is no state of the drop."""
    return {str(row["drop"]): row for row in log.last_by("delivery").values()}


def last_admitted(log: Log) -> dict[str, str]:
    """The admitted delivery of each drop that has one, by drop, in order of names."""
    states = log.last_by("delivery").items()
    admitted = {str(row["drop"]): delivery for delivery, row in states if row["state"] == "admitted"}
    return dict(sorted(admitted.items()))


def _left_out(row: Row, stays: str) -> LeftOut:
    drop, state = row["drop"], row["state"]
    gate: Row = json.loads(row["gate_results"] or "{}") if state == "rejected" else {}
    why = "; ".join(gate.get("failures", ())) if state == "rejected" else row["note"] or ""
    fix = {
        "arrived": "run the drop again",
        "rejected": "; ".join(gate.get("fixes", ())),
        "withdrawn": f"`assay withdraw {drop} --undo` takes it back",
    }[state]
    return LeftOut(drop, row["delivery"], state, why, fix, stays=stays)
