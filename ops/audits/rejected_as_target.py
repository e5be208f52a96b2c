"""Rejected answers as targets.

An SFT turn whose answer is, after normalisation, a response that preference data rejected or called bad for the same
images and the same query: what reward modelling is told to avoid, supervised tuning would teach. The row names one such
judgement (the smallest id) and counts them all.

`is_disputed` says that the same response was also chosen or called good for the same images and query: over another
opponent, by another annotator, or by mistake. Then it is not plainly wrong, and `accepted_judgement_id` names one of
the judgements in its favour. Turns whose answer nobody rejected have no row.
"""

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, columns_of
from ops.audits.ranges import COUNT, NUMBER, column
from ops.corpus.rejected_targets import LINKS, rejected_as_target
from ops.corpus.tables import CorpusMeasures, CorpusTables


def measure(tables: CorpusTables, settings: None) -> CorpusMeasures:
    """One row a target that was rejected elsewhere."""
    return rejected_as_target(tables["turns"], tables["preferences"])


AUDIT = Audit(
    name="rejected_as_target",
    title="Rejected answers as targets",
    grain=Grain.TURN,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("judgement_id", pa.string()),
            column("judgement_delivery", pa.string()),
            column("judgement_example_id", pa.string()),
            column("rejections", pa.int64(), NUMBER),
            column("acceptances", pa.int64(), COUNT),
            column("is_disputed", pa.bool_()),
            column("accepted_judgement_id", pa.string()),
            column("response", pa.string()),
        ]
    ),
    measure=measure,
    links=LINKS,
    reads=columns_of(
        turns="delivery example_id turn image_key query_key response_key response",
        preferences="delivery example_id judgement_id label image_key query_key response_key",
    ),
    needs=("preferences",),
    faults=("rejected_as_target", "rejected_answer"),
)
