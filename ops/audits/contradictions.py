"""Contradictory judgements.

Judgements about the same responses to the same query about the same images that cannot all hold:

- `is_good_and_bad`: a response is called good in one row and bad in another.
- `is_flip`: A is preferred to B in one row and B to A in another.
- `in_cycle`: the majorities go round: A over B, B over C, C over A. `cycle_id` and `cycle_size` (responses) name the
  cycle; `is_top_cycle` says that nothing outside beats it, so that the query has no undisputed best response.
  `is_cycle_too_large`: the query has more than `most_pairs` pairs and was not searched for cycles.
- `is_identical`: the chosen and the rejected response are the same after normalisation; `is_identical_when_cut`: they
  are the same within the training length.
- `is_score_conflict`: the rating contradicts the label (good below the middle of the scale, bad above it, chosen rated
  lower than rejected). `is_scale_error`: the rating lies outside its scale, or `rating_gap` of the scale and more from
  the median of three and more ratings of the same response.

Votes are counted by voter: an annotator where one is named, and otherwise a raw row, so that a row delivered twice is
one vote. `resolution` is `majority` where the share of the larger side reaches `clear_majority`, `tie` where the sides
are equal, and `abstain` otherwise. `side` says where this judgement stands: `upheld`, `overruled`, or `undecided`.
`soft_label` is the share of the votes that agree with it: for a preference example, the probability that its chosen
response beats its rejected one. These are null where a subject is not judged both ways. Judgements that contradict
nothing have no row.
"""

from dataclasses import asdict, dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.corpus.contradictions import FLAGS, contradictions


@dataclass(frozen=True, slots=True)
class ContradictionSettings:
    """`audits.contradictions` in assay.yaml."""

    clear_majority: float = 0.6
    """Share of the votes from which a majority decides."""
    most_pairs: int = 20_000
    """Pairs of one query up to which it is searched for cycles."""
    training_tokens: int = 2048
    """Length at which training cuts a sequence; 0 for no limit."""
    image_tokens: int = 576
    """Tokens of that length that each image takes."""
    rating_gap: float = 0.7
    """Distance of a rating from the median of its response, as a share of the scale, from which it is an error."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.clear_majority <= 1:
            raise ValueError(f"clear_majority is {self.clear_majority}; it must lie between 0.5 and 1")


_COLUMNS = [
    *((name, pa.bool_()) for name in FLAGS),
    ("group_id", pa.string()),
    ("votes_for", pa.int64()),
    ("votes_against", pa.int64()),
    ("majority_share", pa.float64()),
    ("resolution", pa.string()),
    ("side", pa.string()),
    ("soft_label", pa.float64()),
    ("cycle_id", pa.string()),
    ("cycle_size", pa.int32()),
    ("is_top_cycle", pa.bool_()),
]

AUDIT = Audit(
    name="contradictions",
    title="Contradictory judgements",
    grain=Grain.JUDGEMENT,
    scope=Scope.CORPUS,
    columns=pa.schema(_COLUMNS),
    measure=lambda tables, settings: contradictions(
        tables["preferences"], tables["examples"], **asdict(settings)
    ).select(*AUDIT.schema.names),
    settings=ContradictionSettings(),
    reads=("preferences", "examples"),
    faults=("contradictory_judgements",),
    revision=2,
)
