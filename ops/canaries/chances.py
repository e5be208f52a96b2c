"""What canaries, or p-values of files, tell of how likely a delivery's own rows have a fault: a model by audit, as the
lake keeps it, and how many flags of rules are wrong by it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Suspicion
from ops.audits.registry import all_audits
from ops.canaries.rows import MARK
from ops.chances.known_faults import FIT, FaultModel, fit_fault
from ops.chances.p_values import PValueModel, fit_p_values
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
    model: FaultModel | PValueModel
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
    def correcting(self) -> int:
        """How many labels correct what is told; 0 where they do not."""
        return self.labels.labels if self.labels and not self.labels.why else 0

    @property
    def columns(self) -> set[str]:
        """What of the audit's measures chances are told by."""
        return {self.suspicion.column, _tells(self.suspicion).column} & set(all_audits()[self.audit].schema.names)

    @property
    def row(self) -> Row:
        """What measure_schemas.CANARY_CHANCES keeps of it."""
        model = self.model
        return _kept(model) | {
            "audit": self.audit,
            "column": self.suspicion.column,
            "sign": self.suspicion.sign,
            "faults": list(self.suspicion.faults),
            "unit": self.suspicion.unit,
            "own": model.own,
            "share": model.share,
            "share_low": model.low,
            "share_high": model.high,
            "why": model.why,
        }

    @classmethod
    def of_row(cls, row: Row) -> "AuditChances":
        """From a row of that table."""
        known = all_audits()[row["audit"]].suspicion
        known = known if known and known.column == row["column"] else None
        unfound, mark = (known.unfound, known.mark) if known else (None, None)
        suspicion = Suspicion(row["column"], row["sign"], tuple(row["faults"]), unit=row["unit"], mark=mark)
        return cls(row["audit"], suspicion, _restored(row, None if unfound is None else row["sign"] * unfound))


def _kept(model: FaultModel | PValueModel) -> Row:
    """What was fitted, as columns of that table."""
    if isinstance(model, PValueModel):
        return {"wrong_shares": [list(model.shares)], "powers": list(model.powers)}
    return {
        "canaries": list(model.canaries),
        "unseen": FIT.unseen,
        "wrong_shares": [[one.wrong_share for one in part] for part in model.models],
        "means": [[float(one.coefficients[0]) for one in part] for part in model.models],
        "spreads": [[one.spread for one in part] for part in model.models],
    }


def _restored(row: Row, unfound: float | None) -> FaultModel | PValueModel:
    """What was fitted, from a row of that table; of the least score, which the audit says, the lake keeps nothing."""
    share = (row["share"], row["share_low"], row["share_high"])
    if row["unit"]:
        return PValueModel(row["own"], tuple(row["wrong_shares"][0]), tuple(row["powers"]), *share, row["why"])
    models = tuple(
        tuple(
            TwoGroups(share, np.array([mean]), spread, row["unseen"]) for share, mean, spread in zip(*part, strict=True)
        )
        for part in zip(*(row[name] for name in _FITTED), strict=True)
    )
    return FaultModel(tuple(row["canaries"]), row["own"], models, *share, row["why"], unfound)


def suspicions(measures: Iterable[pa.RecordBatch], suspicion: Suspicion) -> dict[str, float]:
    """The score of each example of which the audit can tell: that of its most suspicious row."""
    return highest(_certain(measures, _tells(suspicion)), suspicion.column, suspicion.sign)


def _tells(suspicion: Suspicion) -> Condition:
    return Condition.parse(f"{suspicion.mark} == true") if suspicion.mark else _TELLS


def _certain(measures: Iterable[pa.RecordBatch], tells: Condition) -> Iterator[pa.RecordBatch]:
    for batch in measures:
        known = tells.column in batch.schema.names
        yield arrow.rows_where(batch, tells.mask(arrow.column_of(batch, tells.column))) if known else batch


def fitted_chances(
    faults: Mapping[str, str], measures: Mapping[str, pa.Table], audits: Sequence[Audit], *, own: Iterable[str] = ()
) -> Iterator[AuditChances]:
    """Of each audit that names a suspicion. `faults` are those of the canaries by id; the measures hold own rows and
    canaries. Of audits that have rows of what they find alone, `own` names the rows that they looked at."""
    own = tuple(own)
    for audit in audits:
        if audit.suspicion is None or audit.suspicion.unit is not None:
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


def chances_by_unit(audit: str, suspicion: Suspicion, measures: Iterable[pa.RecordBatch]) -> AuditChances:
    """Of an audit whose suspicion is the p-value of a unit, such as a file, by those of all units: each the least that
    a row of it has. Units of which the audit cannot tell have none."""
    least: dict[str | None, float] = {}
    for batch in measures:
        units = arrow.column_of(batch, suspicion.unit or "").to_pylist()
        values = arrow.numpy_values(arrow.column_of(batch, suspicion.column)).astype(np.float64)
        for place in np.flatnonzero(np.isfinite(values)).tolist():
            unit = units[place]
            least[unit] = min(float(values[place]), least.get(unit, 1.0))
    return AuditChances(audit, suspicion, fit_p_values(np.array([*least.values()], dtype=np.float64)))


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
