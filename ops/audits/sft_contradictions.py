"""Contradictory answers in SFT data.

Turns that give different closed answers (yes or no, a number, a colour, a noun of one or two words) to the same
question about the same images. Answers are compared by what they say ("Yes, it is." is "yes", "two" is 2, "gray" is
grey; `ops/text/closed_answers.py`), and only with answers of their own kind; "dog" and "brown dog" do not contradict
each other. A row that was delivered more than once counts once. The rules are English: of questions and answers in
other languages, figures ("2") are compared alone.

`answer` got `votes` of the group's `all_votes`; `majority_answer` is the one with the most votes and null where two
share the first place. `is_majority` is false for the turns that are outvoted and null where there is no majority.
The kind `word` is the weakest evidence: one image may hold both a dog and a cat, so two nouns may both be true. Turns
whose question has one answer have no row.
"""

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, columns_of
from ops.audits.ranges import NUMBER, SHARE, column
from ops.corpus.answers import LINKS, sft_contradictions
from ops.corpus.tables import CorpusMeasures, CorpusTables


def measure(tables: CorpusTables, settings: None) -> CorpusMeasures:
    """One row a turn that is answered differently elsewhere."""
    return sft_contradictions(tables["turns"])


AUDIT = Audit(
    name="sft_contradictions",
    title="Contradictory answers in SFT data",
    grain=Grain.TURN,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("group_id", pa.string()),
            column("answer_kind", pa.string()),
            column("answer", pa.string()),
            column("distinct_answers", pa.int32(), NUMBER),
            column("votes", pa.int64(), NUMBER),
            column("all_votes", pa.int64(), NUMBER),
            column("majority_answer", pa.string()),
            column("majority_share", pa.float64(), SHARE),
            column("is_majority", pa.bool_()),
        ]
    ),
    measure=measure,
    links=LINKS,
    reads=columns_of(
        turns="delivery example_id turn voter image_key query_key query answer_kind answer",
    ),
    faults=("contradictory_answers", "other_answer"),
    revision=4,
)
