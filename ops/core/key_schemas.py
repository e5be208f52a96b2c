"""The tables of what audits of the corpus compare: keys of rows, made once for each delivery, so that a night looks for
rows alike to those that came or went without reading what all the others say. They follow from the delivery alone;
`rules` names how, settings included."""

import pyarrow as pa

from ops.core.arrow_types import fields
from ops.core.schemas import TableSpec, table

# The SFT examples that say anything. Two that share one of the `bands`, and a first image, may be near duplicates.
DIALOGUE_BANDS = table(
    "dialogue_bands",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("repairs", pa.int32()),
    ("dialogue_key", pa.string()),
    ("first_image", pa.string()),  # empty where there is none
    ("bands", pa.list_(pa.int64())),
)

# What SFT answers say, and judged responses, in shingles of their words; null where they are too short to compare.
_WORDS = (
    ("image_key", pa.string()),
    ("query_key", pa.string()),
    ("response_key", pa.string()),
    ("text", pa.string()),  # its id among the embeddings
    ("words_key", pa.int64()),
    ("shingles", pa.list_(pa.int32())),
    ("bands", pa.list_(pa.int64())),
)
TURN_WORDS = table(
    "turn_words",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("turn", pa.int32()),
    *_WORDS,
)
JUDGED_WORDS = table(
    "judged_words",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("judgement_id", pa.string()),
    ("dataset", pa.string()),
    ("label", pa.string()),
    ("opponent_key", pa.string()),
    *_WORDS,
)

# What SFT turns ask and answer, and what prompts ask and have as their truth.
_ASKED = (
    ("question_key", pa.string()),  # null where nothing is asked
    ("answer_key", pa.string()),  # null where there is none
)
ASKED_TURNS = table(
    "asked_turns",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("turn", pa.int32()),
    *_ASKED,
)
ASKED_PROMPTS = table(
    "asked_prompts",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("image_ids", pa.list_(pa.string())),
    *_ASKED,
)

# Where the clusters lie in which SFT examples with images are compared, each bank of centres under its own `rules`, and
# the examples in those nearest to them.
CLUSTER_CENTRES = table(
    "cluster_centres",
    ("rules",),
    ("rules", pa.string()),
    ("cluster", pa.int32()),
    ("centre", pa.binary()),  # of whole examples: little-endian float32
)
EXAMPLE_CLUSTERS = table(
    "example_clusters",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("repairs", pa.int32()),
    ("dialogue_key", pa.string()),
    ("decides", pa.string()),
    ("clusters", pa.list_(pa.int32())),  # the nearest first
    ("nearness", pa.list_(pa.float64())),  # cosines to their centres
)


def made_schema(spec: TableSpec) -> pa.Schema:
    """Of the rows of such a table as they are made: without `rules`, which whoever stores them adds."""
    return pa.schema(fields(spec.schema, *(name for name in spec.schema.names if name != "rules")))
