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
  lower than rejected), or the rationale that came with it: that states a rating on the other side of the middle ("2 out
  of 5" beside a 5), or says that the rejected response is the better one. Rationales are fields of the row's metadata
  such as `rationale`, `critique` or `explanation`; one that states several ratings, or none in figures, or is not in
  English, says nothing.
- `is_scale_error`: the rating lies outside its scale, or `rating_gap` of the scale and more from the median of three
  and more ratings of the same response.

Votes are counted by voter: an annotator where one is named, and otherwise a raw row, so that a row delivered twice is
one vote. Where no annotator is named, the larger side decides if its share reaches `clear_majority` (`resolution`
majority). Where one is, votes weigh by the annotators' reliability, and the likelier side decides if its probability
reaches `clear_posterior` (`resolution` posterior). Votes without a name are their dataset's. `annotator_model` is the
model that the source's votes speak for (a source is a dataset's judgements of pairs, or of responses on their own):
`one_coin`, a chance of being right for each annotator, fitted on how often they agree; `class_wise`, one for either
side (Dawid and Skene), for responses on their own; `glad`, one coin where some subjects are hard, of which votes say
less; `majority`, the same for all, where none of these tells votes that were held out better by more than noise. Else
the resolution is `tie` or `abstain`. `side` says where this judgement stands: `upheld`, `overruled`, or `undecided`.
`soft_label` is the probability that it holds: for a preference example, that its chosen response beats its rejected
one. `reliability` is its rater's. `cause` is `noisy_annotator` or `noisy_source` for an overruled judgement whose side
nobody of a reliability of `noisy_below` took, and `subjective` where people who are reliable on both sides leave it
undecided. Under `majority` nobody's `reliability` is told. These are null where a subject is not judged both ways.
Judgements that contradict nothing have no row.
"""

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, columns_of
from ops.audits.ranges import COUNT, NUMBER, SHARE, column
from ops.corpus.contradictions import FLAGS, LINKS, ContradictionSettings, contradictions
from ops.corpus.links import State
from ops.corpus.tables import CorpusMeasures, CorpusTables

_COLUMNS = [
    *(column(name, pa.bool_()) for name in FLAGS),
    column("group_id", pa.string()),
    column("votes_for", pa.int64(), COUNT),
    column("votes_against", pa.int64(), COUNT),
    column("majority_share", pa.float64(), SHARE),
    column("resolution", pa.string()),
    column("side", pa.string()),
    column("soft_label", pa.float64(), SHARE),
    column("reliability", pa.float64(), SHARE),
    column("annotator_model", pa.string()),
    column("cause", pa.string()),
    column("cycle_id", pa.string()),
    column("cycle_size", pa.int32(), NUMBER),
    column("is_top_cycle", pa.bool_()),
]


def measure(tables: CorpusTables, settings: ContradictionSettings, *, state: State | None = None) -> CorpusMeasures:
    """One row a judgement that contradicts others."""
    measures = contradictions(tables["preferences"], tables["examples"], settings, state=state)
    return measures.select(*AUDIT.schema.names)


AUDIT = Audit(
    name="contradictions",
    title="Contradictory judgements",
    grain=Grain.JUDGEMENT,
    scope=Scope.CORPUS,
    columns=pa.schema(_COLUMNS),
    measure=measure,
    settings=ContradictionSettings(),
    links=LINKS,
    reads=columns_of(
        preferences="delivery example_id judgement_id dataset image_ids query response label rating rating_scale "
        "opponent annotator image_key query_key response_key opponent_key",
        examples="delivery example_id content_id source_id kind messages metadata",
    ),
    needs=("preferences",),
    faults=("contradictory_judgements", "exchanged_pair"),
    revision=8,
)
