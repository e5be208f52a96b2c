"""Decisions of persons on single examples, which outrank the rules of the policy.

A decision speaks of an example's id, which is made of its drop, its row and its content: a row that is delivered again
unchanged stays decided, and one that changed is another example, of which nothing is decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.arrow import flags, index_in, is_valid, rows_at, rows_of, rows_where, whole
from ops.core.log import Log, Row
from ops.decision.policy import DECISION, Action

KEEP, DROP = str(Action.KEEP), str(Action.DROP)
CLEAR = "clear"
"""Takes back what was decided: the rules decide again."""
CHOICES = (KEEP, DROP, CLEAR)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided on an example: keep or drop, and why."""

    example_id: str
    content_id: str
    action: str
    by: str
    why: str
    at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Decision":
        """From a row of the log of decisions."""
        names = ("example_id", "content_id", "action", "by", "why", "at")
        return cls(*(row[name] for name in names))

    def reason(self, ruled: str) -> Row:
        """As a reason of a verdict (schemas.REASON); `ruled` is the action that the rules gave."""
        because = f": {self.why}" if self.why else ""
        outranked = "" if ruled == self.action else f" (the rules said {ruled})"
        detail = f"{self.by}, {self.at:%Y-%m-%d}{because}{outranked}"
        named = {"rule": DECISION, "audit": "decisions", "turn": None}
        return {**named, "value": self.action, "threshold": "", "detail": detail}


def standing(log: Log) -> dict[str, Decision]:
    """The decisions that hold, by example: the last of each, unless it was taken back."""
    last = log.last_by("example_id")
    return {example: Decision.of(row) for example, row in last.items() if row["action"] != CLEAR}


def overruled(judged: pa.Table, decisions: Mapping[str, Decision]) -> pa.Table:
    """The verdicts (as `ops.decision.verdicts` gives them, in any order) with what persons decided: the action is
    theirs, the weight 1 of what is kept, and their reason comes before those of the rules, which all stay."""
    if not decisions:
        return judged
    ids = whole(judged, "example_id")
    decided = flags(is_valid(index_in(ids, pa.array(sorted(decisions), pa.string()))))
    rows = rows_of(rows_where(judged, pa.array(decided)), dict[str, Any])
    changed = pa.Table.from_pylist([_decided(row, decisions[row["example_id"]]) for row in rows], schema=judged.schema)
    places = np.arange(judged.num_rows)
    places[decided] = judged.num_rows + np.arange(len(rows))
    return rows_at(pa.concat_tables([judged, changed]), pa.array(places)).combine_chunks() if rows else judged


def _decided(row: Row, decision: Decision) -> Row:
    weight = 1.0 if decision.action == KEEP else 0.0
    reasons = [decision.reason(row["action"]), *(row["reasons"] or ())]
    return {**row, "action": decision.action, "weight": weight, "reasons": reasons}
