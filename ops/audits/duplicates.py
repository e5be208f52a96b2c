"""Exact duplicates.

Two examples are duplicates when their images (by content, in order), roles, queries and answers are the same after
normalisation: Unicode form, white space, chat-template tokens, image placeholders, and case where it carries no
meaning. They are looked for within and across deliveries. Preference examples are duplicates only when the annotators
are the same too: the same choice made by two people is two votes.

One row for each redundant example, naming the member of its group that stays: the one of the drop that came into the
corpus first, of these the one that needed the fewest repairs, then the one with the smallest example id. So a new drop
is deduplicated against the corpus and removes nothing from it, and a drop that is delivered again keeps its place. The
order in which drops came is part of what the measures are identified by. `group_id` names the group and `copies` counts
its members; `same_delivery` says whether both came in one delivery. Examples without a copy have no row.
"""

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, columns_of
from ops.audits.ranges import NUMBER, column
from ops.corpus.duplicates import LINKS, duplicates
from ops.corpus.tables import CorpusMeasures, CorpusTables


def measure(tables: CorpusTables, settings: None) -> CorpusMeasures:
    """One row a redundant example."""
    return duplicates(tables["dialogues"], tables["preferences"], tables["arrivals"])


AUDIT = Audit(
    name="duplicates",
    title="Exact duplicates",
    grain=Grain.PAIR,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("group_id", pa.string()),
            column("copies", pa.int64(), NUMBER),
            column("same_delivery", pa.bool_()),
        ]
    ),
    measure=measure,
    links=LINKS,
    reads=columns_of(
        dialogues="delivery example_id kind repairs dialogue_key",
        preferences="delivery example_id annotator",
        arrivals="delivery arrival",
    ),
    revision=3,
    faults=("duplicated_examples", "exact_copy"),
)
