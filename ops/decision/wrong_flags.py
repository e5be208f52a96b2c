"""How many of the examples that a rule flags are expected to be right, where its audit tells a probability."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit
from ops.core import arrow
from ops.decision.policy import Rule

PROBABILITY = "probability"
"""Column of an audit's measures: how likely the row has the fault that the audit looks for."""


def probable(rules: Sequence[Rule], audits: Mapping[str, Audit]) -> dict[str, list[Rule]]:
    """By audit, the rules on those audits that tell a probability."""
    chosen: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.audit in audits and PROBABILITY in audits[rule.audit].columns.names:
            chosen.setdefault(rule.audit, []).append(rule)
    return chosen


def expected_wrong(measures: Iterable[pa.RecordBatch], rules: Sequence[Rule]) -> dict[str, float]:
    """By rule, the sum of 1 - probability over the rows of one audit's measures that meet it. A row without a
    probability is taken to be right."""
    totals = {rule.name: 0.0 for rule in rules}
    for batch in measures:
        probability = arrow.numpy_values(arrow.column_of(batch, PROBABILITY)).astype(np.float64)
        for rule in rules:
            totals[rule.name] += float((1 - np.nan_to_num(probability))[arrow.flags(rule.mask(batch))].sum())
    return totals


def likelihoods(measures: Iterable[pa.RecordBatch], rules: Sequence[Rule]) -> tuple[dict[str, float], dict[str, float]]:
    """By example, the highest probability of its rows of one audit's measures; and of those that any of the rules
    flags, what is left of 1."""
    likely: dict[str, float] = {}
    flagged: set[str] = set()
    for batch in measures:
        ids = arrow.column_of(batch, "example_id").to_pylist()
        probability = arrow.numpy_values(arrow.column_of(batch, PROBABILITY)).astype(np.float64)
        met = np.logical_or.reduce([arrow.flags(rule.mask(batch)) for rule in rules])
        for place in np.flatnonzero(np.isfinite(probability)).tolist():
            name = str(ids[place])
            likely[name] = max(likely.get(name, 0.0), float(probability[place]))
            if met[place]:
                flagged.add(name)
    return likely, {name: 1 - likely[name] for name in flagged}
