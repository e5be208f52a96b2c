"""What the log of versions says. Plain functions on its rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ops.core.log import Log

REMOVED = "removed"
"""State of a version whose rows gave their room back."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a version is made without: a drop's last delivery, or, where only `audits` is set, these measures of it.

    `state` says why: rejected (by the ingest gate), arrived (not gated yet), withdrawn (by a person), unmeasured, or
    gate (measures of `audits` failed theirs). `stays` names the earlier delivery that stands for the drop meanwhile.
    """

    drop: str
    delivery: str
    state: str
    why: str
    fix: str = ""
    audits: tuple[str, ...] = ()
    measures_only: bool = False
    stays: str = ""

    @property
    def subject(self) -> str:
        """In words: the drop, its last delivery, or measures of it."""
        if self.measures_only:
            return f"the measures of {' and '.join(self.audits)} of drop {self.drop!r}"
        return f"the last delivery of drop {self.drop!r}" if self.stays else f"drop {self.drop!r}"

    @property
    def line(self) -> str:
        """What, why, and what to do, in one line."""
        fix = f". Fix: {self.fix}" if self.fix else ""
        return f"{self.subject}: {self.because}{fix}"

    @property
    def because(self) -> str:
        """Why, with the word for its state."""
        words = {
            "rejected": "rejected by the ingest gate",
            "arrived": "not gated yet",
            "withdrawn": "withdrawn",
            "unmeasured": "not measured",
            "gate": "failed the measures gate",
        }
        return f"{words[self.state]}: {self.why}" if self.why else words[self.state]


def without_measures(left_out: Iterable[LeftOut]) -> dict[str, list[str]]:
    """The deliveries whose measures by an audit a version does not use, by audit."""
    unused: dict[str, list[str]] = {}
    for part in left_out:
        for audit in part.audits if part.measures_only else ():
            unused.setdefault(audit, []).append(part.delivery)
    return {audit: sorted(unused[audit]) for audit in sorted(unused)}


def left_out_of(row: Mapping[str, Any]) -> tuple[LeftOut, ...]:
    """What a version of that row of the log was made without."""
    parts: list[dict[str, Any]] = json.loads(row.get("left_out") or "[]")
    return tuple(replace(LeftOut(**part), audits=tuple(part["audits"])) for part in parts)


_NAMED = 3


def headline(number: int, left_out: Sequence[LeftOut]) -> str:
    """The first line about a version: its number, and what it leaves out, each with its reason; of many, the first."""
    if not left_out:
        return f"Version {number}"
    named = "; ".join(f"{one.subject} ({one.because})" for one in left_out[:_NAMED])
    more = len(left_out) - _NAMED
    return f"Version {number} leaves out {named}{f'; and {more} more' if more > 0 else ''}"


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the log last told of it."""

    number: int
    state: str
    """candidate, published, rejected or removed; a published version stays so whatever came after it, unless it was
    removed to make room."""
    current: bool
    made: datetime
    """When it was begun; this never changes."""
    at: datetime
    """When it entered this state: for a version that a rollback made current again, when that was."""
    parent: int | None
    content: str
    row: Mapping[str, Any] = field(repr=False)
    """Its last row of the log."""

    @property
    def counts(self) -> dict[str, Any]:
        """Examples by action, kind, dataset and rule."""
        return json.loads(self.row["counts"] or "{}")

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What it was made without."""
        return left_out_of(self.row)

    @property
    def rolled_back_from(self) -> int | None:
        """The version that a rollback to this one left, where that was the last that happened to it."""
        return _rolled_back_from(self.row)


def read_log(log: Log) -> list[Version]:
    """The versions of the log, by number."""
    first = log.first_by("version")
    published = log.where(state="published").last_by("version")
    current = current_number(log)
    return [
        Version(
            number=number,
            state="published" if number in published and row["state"] != REMOVED else row["state"],
            current=number == current,
            made=first[number]["at"],
            at=row["at"],
            parent=row["parent"],
            content=row["content"],
            row=row,
        )
        for number, row in sorted(log.last_by("version").items())
    ]


def current_number(log: Log) -> int | None:
    """The version whose `published` row came last; None before the first."""
    last = log.where(state="published").last
    return last["version"] if last else None


def left_by_rollback(log: Log) -> int | None:
    """The version that a rollback left, where the current version is there by a rollback."""
    last = log.where(state="published").last
    return _rolled_back_from(last) if last else None


def _rolled_back_from(row: Mapping[str, Any]) -> int | None:
    return json.loads(row["gate_results"] or "{}").get("rollback_from")
