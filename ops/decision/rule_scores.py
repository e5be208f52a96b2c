"""How near each example comes to a rule: the figure that the rule's limit is drawn through."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa

from ops.core import arrow
from ops.core.arrow_types import type_in
from ops.decision.policy import Condition, Rule


@dataclass(frozen=True, slots=True)
class Limit:
    """A condition of a rule whose number may be moved; a figure that is further on the rule's side is higher."""

    condition: Condition

    @property
    def sign(self) -> int:
        """1 where more of the column is more suspicious, -1 where less is."""
        return 1 if self.condition.comparison in (">", ">=") else -1

    @property
    def value(self) -> float:
        """The number that stands there, as a score."""
        return self.sign * float(self.condition.value) if isinstance(self.condition.value, int | float) else np.nan

    def met(self, score: np.ndarray) -> np.ndarray:
        """Which of the scores meet the condition (bool); NaN does not."""
        known = np.nan_to_num(score, nan=-np.inf)
        return known >= self.value if "=" in self.condition.comparison else known > self.value

    def at(self, score: float) -> Condition:
        """The condition that is met from this score on."""
        comparison = ">=" if self.sign > 0 else "<="
        return Condition(self.condition.column, comparison, self.sign * score)


def limit_of(rule: Rule, measures: pa.Schema) -> Limit | None:
    """The first condition that puts a limit to a real-valued column; None where the rule has none."""
    ordered = [condition for condition in rule.when if condition.comparison in ("<", "<=", ">", ">=")]
    real = [c for c in ordered if pa.types.is_floating(type_in(measures, c.column))]
    return Limit(real[0]) if real else None


def scores(batches: Iterable[pa.RecordBatch], rule: Rule, limit: Limit) -> dict[str, float]:
    """By example, the highest score of its rows of the audit's measures that meet the rule's other conditions; an
    example without such a row, or without a value, has none."""
    others = [condition for condition in rule.when if condition != limit.condition]
    return highest(batches, limit.condition.column, limit.sign, others)


def highest(
    batches: Iterable[pa.RecordBatch], column: str, sign: int, conditions: Sequence[Condition] = ()
) -> dict[str, float]:
    """By example, the most of `sign` times the column of its rows of an audit's measures that meet the conditions."""
    best: dict[str, float] = {}
    for batch in batches:
        value = sign * arrow.numpy_values(arrow.column_of(batch, column)).astype(np.float64)
        masks = (condition.mask(arrow.column_of(batch, condition.column)) for condition in conditions)
        met = np.isfinite(value)
        if conditions:
            met &= arrow.flags(reduce(arrow.both, masks))
        ids = arrow.column_of(batch, "example_id").to_pylist()
        for place in np.flatnonzero(met).tolist():
            name, score = str(ids[place]), float(value[place])
            best[name] = max(score, best.get(name, score))
    return best
