"""Contradictory judgements.

Judgements about the same responses to the same query about the same images that cannot all hold:

- `is_good_and_bad`: a response is called good in one row and bad in another.
- `is_flip`: A is preferred to B in one row and B to A in another.
- `is_identical`: the chosen and the rejected response are the same after normalisation.

Votes are counted by voter: an annotator where one is named, and otherwise a raw row, so that a row delivered twice is
one vote. `resolution` is `majority` where the share of the larger side reaches `clear_majority`, `tie` where the sides
are equal, and `abstain` otherwise. `side` says where this judgement stands: `upheld`, `overruled`, or `undecided`.
`soft_label` is the share of the votes that agree with it: for a preference example, the probability that its chosen
response beats its rejected one. Judgements that contradict nothing have no row.
"""

from dataclasses import dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.corpus.contradictions import direct_contradictions


@dataclass(frozen=True, slots=True)
class ContradictionSettings:
    """`audits.contradictions` in assay.yaml."""

    clear_majority: float = 0.6
    """Share of the votes from which a majority decides."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.clear_majority <= 1:
            raise ValueError(f"clear_majority is {self.clear_majority}; it must lie between 0.5 and 1")


AUDIT = Audit(
    name="contradictions",
    title="Contradictory judgements",
    grain=Grain.JUDGEMENT,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            ("is_good_and_bad", pa.bool_()),
            ("is_flip", pa.bool_()),
            ("is_identical", pa.bool_()),
            ("group_id", pa.string()),
            ("votes_for", pa.int64()),
            ("votes_against", pa.int64()),
            ("majority_share", pa.float64()),
            ("resolution", pa.string()),
            ("side", pa.string()),
            ("soft_label", pa.float64()),
        ]
    ),
    measure=lambda tables, settings: direct_contradictions(
        tables["preferences"], tables["examples"], clear_majority=settings.clear_majority
    ),
    settings=ContradictionSettings(),
    reads=("preferences", "examples"),
    faults=("contradictory_judgements",),
)
