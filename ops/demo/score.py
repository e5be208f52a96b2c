"""What was found of the planted faults: computed from their record and the tables of a run, from nothing else.

Rules. An audit's reason counts when the example's action is not `keep`. A fault is *caught* when the planted example
has a reason of an audit that looks for this kind of fault (`Audit.faults`), or, for the faults that ingest looks for,
when its row is quarantined or repaired for that; *missed* otherwise. Of two equal rows either may be named. A *false
alarm* is an example with such a reason that has no planted fault which these audits look for, by its kind or by its
nature (`Fault.also`: an answer that contradicts a right one is wrong for its image as well), and that is not a
partner in one either (the right answer that another contradicts, the original of a copy). One audit may look for
several faults: its reasons do not say which it found, so its false alarms show in each of these rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ops.audits.contract import Audit
from ops.demo.faults import FAULTS, Fault, Planted

INGEST = "ingest"


@dataclass(frozen=True, slots=True)
class Score:
    """One row of the closing table. The figures are None where no audit looks for the fault yet. `probability` is the
    mean of what audits that tell one give the planted examples, `expected_wrong` how many of their flags should be
    right by these probabilities; None where none tells."""

    fault: str
    title: str
    audits: tuple[str, ...]
    planted: int
    caught: int | None
    missed: int | None
    false_alarms: int | None
    probability: float | None = None
    expected_wrong: float | None = None


@dataclass(frozen=True, slots=True)
class Chances:
    """What an audit says by itself of how right it is: the probability of the fault by source id, and how many of the
    examples that its rules flag should be right."""

    audit: str
    probability: Mapping[str, float]
    expected_wrong: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How many examples an action took for one reason; an example with several reasons counts under each. Of all
    examples that the rule flags, `expected_wrong` should be right (None where its audit tells no probability, or where
    the rule was named before)."""

    action: str
    audit: str
    rule: str
    examples: int
    expected_wrong: float | None = None


@dataclass(frozen=True, slots=True)
class _Finder:
    """An audit, or ingest: the source ids it named and the kinds of fault it looks for."""

    name: str
    named: set[str]
    kinds: frozenset[str]


def score(
    planted: Sequence[Planted],
    *,
    verdicts: pa.Table,
    quarantine: pa.Table,
    examples: pa.Table,
    audits: Iterable[Audit],
    chances: Sequence[Chances] = (),
) -> list[Score]:
    """One row a fault, in the order of `FAULTS`, for the demo's delivery.

    `verdicts`, `quarantine` and `examples` are the lake's tables, of that delivery and, for verdicts, of one version;
    `chances` are of the audits that tell a probability.
    Raises ValueError where a planted row is in neither verdicts nor quarantine: it was lost on the way.
    """
    known = {*verdicts["source_id"].to_pylist(), *quarantine["source_id"].to_pylist()}
    lost = {p.source_id for p in planted} - known
    if lost:
        raise ValueError(
            f"{len(lost)} planted rows are neither in the verdicts nor in quarantine, for instance {min(lost)}: "
            f"the tables are of another delivery, or rows were lost"
        )
    by_audit, by_ingest = _named_by_audits(verdicts), _named_by_ingest(quarantine, examples)
    finders = [_Finder(a.name, by_audit.get(a.name, set()), frozenset(a.faults)) for a in audits]
    for fault in FAULTS.values():
        finding = set[str]().union(*(by_ingest.get(code, set()) for code in fault.reasons))
        finders += [_Finder(INGEST, finding, frozenset({fault.name}))] if fault.reasons else []
    return [_score(fault, planted, [f for f in finders if fault.name in f.kinds], chances) for fault in FAULTS.values()]


def tally(verdicts: pa.Table, quarantine: pa.Table, wrong: Mapping[str, float]) -> list[Tally]:
    """Examples by action, audit and rule; those kept without a reason stand under an empty rule, and quarantined rows
    under the reason that ingest gave. Most frequent first within an action. `wrong`: expected wrong flags by rule; they
    stand where it is named first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in verdicts.select(["action", "reasons"]).to_pylist():
        rules = {(reason["audit"], reason["rule"]) for reason in row["reasons"] or ()} or {("", "")}
        counts.update((row["action"], audit, rule) for audit, rule in rules)
    for row in quarantine.select(["reason"]).to_pylist():
        counts["quarantine", INGEST, row["reason"]] += 1
    order = ("keep", "downweight", "hold", "drop", "quarantine")
    ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0]))
    first = {rule: key for key in reversed([key for key, _ in ranked]) for rule in key[2:]}
    return [Tally(*key, count, wrong.get(key[2]) if first[key[2]] == key else None) for key, count in ranked]


def _named_by_audits(verdicts: pa.Table) -> dict[str, set[str]]:
    """Source ids that each audit gave a reason for acting on."""
    named: dict[str, set[str]] = {}
    for row in verdicts.select(["source_id", "action", "reasons"]).to_pylist():
        if row["action"] != "keep":
            for reason in row["reasons"] or ():
                named.setdefault(reason["audit"], set()).add(row["source_id"])
    return named


def _named_by_ingest(quarantine: pa.Table, examples: pa.Table) -> dict[str, set[str]]:
    """Source ids that ingest refused or repaired, by reason code."""
    named: dict[str, set[str]] = {}
    for row in quarantine.select(["source_id", "reason"]).to_pylist():
        named.setdefault(row["reason"], set()).add(row["source_id"])
    for row in examples.select(["source_id", "repairs"]).to_pylist():
        for code in row["repairs"] or ():
            named.setdefault(code, set()).add(row["source_id"])
    return named


def _score(fault: Fault, planted: Sequence[Planted], finders: Sequence[_Finder], chances: Sequence[Chances]) -> Score:
    mine = [p for p in planted if p.fault == fault.name]
    if not finders:
        return Score(fault.name, fault.title, (), len(mine), None, None, None)
    named = set[str]().union(*(finder.named for finder in finders))
    caught = sum(bool({p.source_id, *(p.partners if fault.either else ())} & named) for p in mine)
    alarms = set[str]().union(*(finder.named - _rightly_named(planted, finder.kinds) for finder in finders))
    audits = tuple(finder.name for finder in finders)
    own = [chance for chance in chances if chance.audit in audits]
    likely = [chance.probability[p.source_id] for chance in own for p in mine if p.source_id in chance.probability]
    return Score(
        fault.name,
        fault.title,
        audits,
        len(mine),
        caught,
        len(mine) - caught,
        len(alarms),
        probability=sum(likely) / len(likely) if likely else None,
        expected_wrong=sum(chance.expected_wrong for chance in own) if own else None,
    )


def _rightly_named(planted: Sequence[Planted], kinds: frozenset[str]) -> set[str]:
    """Source ids that an audit which looks for these kinds is right to name."""
    rightly: set[str] = set()
    for p in planted:
        if p.fault in kinds:
            rightly |= {p.source_id, *p.partners}
        elif kinds & set(FAULTS[p.fault].also):
            rightly.add(p.source_id)
    return rightly
