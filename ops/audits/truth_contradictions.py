"""The same prompt with different ground truths.

RL prompts that ask the same about the same images (by content, in order), after normalisation, and whose ground truths
differ: an answer that one of them rewards, another punishes. Truths are the same where they are the same number in
figures, the same letter, the same closed answer in English ("two", "There are 2"), the same mathematics (by
math-verify), or the same text but for case and white space; a JSON list is the set of its texts.

`group_id` names the question, `examples` counts the prompts that ask it and have a truth, `truths` their different
ones, `votes` the prompts with this one's truth. `majority_share` is the share of the most frequent truth;
`is_majority` says whether this prompt has it, and is null where no truth is more frequent than all others.
`other_truth` is the most frequent of the other truths. Prompts whose question has one truth have no row. Instructions
that are part of the text ("put the answer in ...") are part of the question: the same question in another template is
another one here.
"""

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, columns_of
from ops.audits.ranges import NUMBER, SHARE, column
from ops.corpus.prompt_truths import LINKS, truth_contradictions
from ops.corpus.tables import CorpusMeasures, CorpusTables


def measure(tables: CorpusTables, settings: None) -> CorpusMeasures:
    """One row a prompt that has another truth elsewhere."""
    return truth_contradictions(tables["prompts"])


AUDIT = Audit(
    name="truth_contradictions",
    title="The same prompt with different ground truths",
    grain=Grain.EXAMPLE,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("group_id", pa.string()),
            column("examples", pa.int64(), NUMBER),
            column("truths", pa.int32(), NUMBER),
            column("votes", pa.int64(), NUMBER),
            column("majority_share", pa.float64(), SHARE),
            column("is_majority", pa.bool_()),
            column("other_truth", pa.string()),
        ]
    ),
    measure=measure,
    links=LINKS,
    reads=columns_of(
        prompts="delivery example_id image_key query_key query ground_truth is_json",
    ),
    needs=("prompts",),
    faults=("other_truth",),
    revision=2,
)
