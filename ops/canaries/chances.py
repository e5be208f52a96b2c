"""What canaries tell of how likely a delivery's own rows have their faults: a model by audit, as the lake keeps it, and
how many flags of rules are wrong by it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Suspicion
from ops.audits.registry import all_audits
from ops.canaries.rows import MARK
from ops.chances.known_faults import FIT, FaultModel, fit_fault
from ops.chances.recalibration import Recalibration
from ops.chances.two_groups import TwoGroups
from ops.core import arrow
from ops.core.log import Row
from ops.decision.policy import Condition, Rule
from ops.decision.rule_scores import highest

#: Rows of which an audit cannot tell have no score; an audit without this column tells of all its rows.
_TELLS = Condition.parse("abstained == false")
_FITTED = ("wrong_shares", "means", "spreads")


@dataclass(frozen=True, slots=True)
class AuditChances:
    """The model of some of an audit's faults in one delivery, the column that it goes by, and what labels of persons
    correct of what it tells, where there are any."""

    audit: str
    suspicion: Suspicion
    model: FaultModel
    labels: Recalibration | None = None

    def of_examples(self, measures: Iterable[pa.RecordBatch]) -> dict[str, tuple[float, float, float]]:
        """By example, how likely it has one of the faults, with the 95 % interval; none of an example without a score,
        and of all where the model tells nothing."""
        best = suspicions(measures, self.suspicion)
        chances = self.model.chances(list(best), np.array([*best.values()], dtype=np.float64))
        if self.labels is not None:
            chances = self.labels.corrected(chances)
        rows = zip(best, *chances.tolist(), strict=True)
        return {name: (mean, low, high) for name, mean, low, high in rows if mean == mean}

    @property
    def columns(self) -> set[str]:
        """What of the audit's measures chances are told by."""
        return {self.suspicion.column, _TELLS.column} & set(all_audits()[self.audit].schema.names)

    @property
    def row(self) -> Row:
        """What measure_schemas.CANARY_CHANCES keeps of it."""
        model = self.model
        return {
            "audit": self.audit,
            "column": self.suspicion.column,
            "sign": self.suspicion.sign,
            "faults": list(self.suspicion.faults),
            "canaries": list(model.canaries),
            "own": model.own,
            "unseen": FIT.unseen,
            "wrong_shares": [[one.wrong_share for one in part] for part in model.models],
            "means": [[float(one.coefficients[0]) for one in part] for part in model.models],
            "spreads": [[one.spread for one in part] for part in model.models],
            "share": model.share,
            "share_low": model.low,
            "share_high": model.high,
            "why": model.why,
        }

    @classmethod
    def of_row(cls, row: Row) -> "AuditChances":
        """From a row of that table."""
        models = tuple(
            tuple(
                TwoGroups(share, np.array([mean]), spread, row["unseen"])
                for share, mean, spread in zip(*part, strict=True)
            )
            for part in zip(*(row[name] for name in _FITTED), strict=True)
        )
        share = (row["share"], row["share_low"], row["share_high"])
        model = FaultModel(tuple(row["canaries"]), row["own"], models, *share, row["why"], _unfound(row))
        return cls(row["audit"], Suspicion(row["column"], row["sign"], tuple(row["faults"])), model)


def _unfound(row: Row) -> float | None:
    """The least score, which the audit says and the lake does not keep."""
    known = all_audits()[row["audit"]].suspicion
    return (
        row["sign"] * known.unfound if known and known.column == row["column"] and known.unfound is not None else None
    )


def suspicions(measures: Iterable[pa.RecordBatch], suspicion: Suspicion) -> dict[str, float]:
    """The score of each example of which the audit can tell: that of its most suspicious row."""
    return highest(map(_certain, measures), suspicion.column, suspicion.sign)


def _certain(batch: pa.RecordBatch) -> pa.RecordBatch:
    if _TELLS.column not in batch.schema.names:
        return batch
    return arrow.rows_where(batch, _TELLS.mask(arrow.column_of(batch, _TELLS.column)))


def fitted_chances(
    faults: Mapping[str, str], measures: Mapping[str, pa.Table], audits: Sequence[Audit], *, own: Iterable[str] = ()
) -> Iterator[AuditChances]:
    """Of each audit that names a suspicion. `faults` are those of the canaries by id; the measures hold own rows and
    canaries. Of audits that have rows of what they find alone, `own` names the rows that they looked at."""
    own = tuple(own)
    for audit in audits:
        if audit.suspicion is None:
            continue
        suspicion, scores = audit.suspicion, suspicions(measures[audit.name].to_batches(), audit.suspicion)
        damaged = [name for name, fault in faults.items() if fault in suspicion.faults]
        least = None if suspicion.unfound is None else suspicion.sign * suspicion.unfound
        if least is not None:
            scores = dict.fromkeys((*own, *damaged), least) | scores
        sound = {name: score for name, score in scores.items() if not name.startswith(MARK)}
        known = np.array([scores[name] for name in damaged if name in scores], dtype=np.float64)
        model = fit_fault(list(sound), np.array([*sound.values()], dtype=np.float64), known, unfound=least)
        yield AuditChances(audit.name, suspicion, model)


def foreseen_wrong(
    read: Callable[[set[str]], Iterable[pa.RecordBatch]], rules: Sequence[Rule], chances: AuditChances | None
) -> dict[str, float]:
    """By rule on that audit, how many of the examples that it flags in that delivery should be right; NaN where it
    flags one of which no chance is told, as none is without `chances`. `read` gives columns of the delivery's measures.
    It is called twice, so that no more is held than what is flagged."""
    flagged: dict[str, set[str]] = {rule.name: set() for rule in rules}
    for batch in read({column for rule in rules for column in rule.columns}):
        ids = arrow.column_of(batch, "example_id").to_pylist()
        for rule in rules:
            flagged[rule.name].update(
                str(ids[place]) for place in np.flatnonzero(arrow.flags(rule.mask(batch))).tolist()
            )
    every = pa.array(sorted(set[str]().union(*flagged.values())), pa.string())
    likely = chances.of_examples(_rows_of(read(chances.columns), every)) if chances and len(every) else {}
    right = {name: 1 - likely[name][0] if name in likely else np.nan for names in flagged.values() for name in names}
    return {rule: sum(right[name] for name in names) for rule, names in flagged.items()}


def _rows_of(measures: Iterable[pa.RecordBatch], ids: arrow.AnyArray) -> Iterator[pa.RecordBatch]:
    for batch in measures:
        yield arrow.rows_where(batch, arrow.is_in(arrow.column_of(batch, "example_id"), ids))
