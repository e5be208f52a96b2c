"""The tables of the lake that hold what was delivered, and what a table is.

Here, in key_schemas, measure_schemas and version_schemas is the one place where columns are named; ops/core/tables.py
lists all.

Every engine reads a table with the schema given here, never with one it inferred: inference would turn a drop named
2026-11-23 into a date and 007 into 7, and would fail on an empty table.
"""

from dataclasses import dataclass

import pyarrow as pa

PART = pa.struct([("type", pa.string()), ("text", pa.string()), ("image_id", pa.string())])
MESSAGE = pa.struct([("role", pa.string()), ("parts", pa.list_(PART))])
ROLLOUT = pa.struct([("response", pa.string()), ("reward", pa.float64())])
PROVENANCE = pa.struct([("file", pa.string()), ("row", pa.int64())])


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of the lake: its columns and how its files are partitioned. In a table stored by content, rows of one
    `key` in one partition say the same: two writers may both have stored it, and a reader takes any."""

    name: str
    schema: pa.Schema
    partition_by: tuple[str, ...] = ()
    key: str = ""


def table(name: str, partition_by: tuple[str, ...], *fields: tuple[str, pa.DataType], key: str = "") -> TableSpec:
    """A table of these columns, in order."""
    return TableSpec(name, pa.schema(list(fields)), partition_by, key)


TIMESTAMP = pa.timestamp("us", tz="UTC")

# A preference example ends in candidate messages whose role is `chosen`, `rejected` or `response`; the roles of a
# conversation are `system`, `user`, `assistant`, `tool`, and `context`: an assistant's turn that carries no loss. It is
# a role rather than a column so that what takes `assistant` for targets is right without knowing it, and that the
# tables of older lakes stay as they are. So are the ends of an RL prompt: `ground_truth`, then a `rollout` for each
# response that was delivered with it; every answer in a prompt is `context`.
EXAMPLES = table(
    "examples",
    ("delivery",),
    ("drop", pa.string()),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("content_id", pa.string()),
    ("source_id", pa.string()),
    ("kind", pa.string()),
    ("dataset", pa.string()),
    ("messages", pa.list_(MESSAGE)),
    ("image_ids", pa.list_(pa.string())),
    ("metadata", pa.string()),
    ("repairs", pa.list_(pa.string())),
    ("provenance", PROVENANCE),
)

IMAGES = table(
    "images",
    (),
    ("image_id", pa.string()),
    ("bytes", pa.large_binary()),
    ("width_px", pa.int32()),
    ("height_px", pa.int32()),
    ("format", pa.string()),
    ("mode", pa.string()),
    ("frames", pa.int32()),
    ("exif_orientation", pa.int32()),
    ("perceptual_hash", pa.string()),
    ("colours", pa.binary()),  # ops.vision.colours.picture_facts; null in images stored before these were made
    ("edge_share", pa.float32()),  # ops.vision.image_complexity; null in images stored before
    ("entropy_bits", pa.float32()),
    ("text_share", pa.float32()),  # what looks written; null in images stored before it was looked for
    key="image_id",
)

PREFERENCES = table(
    "preferences",
    ("delivery",),
    ("delivery", pa.string()),
    ("judgement_id", pa.string()),
    ("example_id", pa.string()),
    ("dataset", pa.string()),
    ("image_ids", pa.list_(pa.string())),
    ("query", pa.string()),
    ("response", pa.string()),
    ("label", pa.string()),  # good | bad | chosen | rejected
    ("rating", pa.float64()),
    ("rating_scale", pa.float64()),  # the best rating possible
    ("opponent", pa.string()),  # the response this one was compared with
    ("annotator", pa.string()),
    ("image_key", pa.string()),
    ("query_key", pa.string()),
    ("response_key", pa.string()),
    ("opponent_key", pa.string()),
)

# The answers of SFT examples, a row each, and what each example says and shows as one key: made where the examples are
# read, so that no audit of the corpus reads messages for them. `rules` names how texts are normalised
# (ops.text.turn_rows); rows of other rules lie beside these, and nobody reads them.
TURNS = table(
    "turns",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("turn", pa.int32()),  # counts the example's answers from 0
    ("dataset", pa.string()),
    ("voter", pa.string()),  # equal in copies of one row, whatever drop they came in
    ("image_key", pa.string()),
    ("query_key", pa.string()),
    ("response_key", pa.string()),
    ("query", pa.string()),
    ("response", pa.string()),
    ("answer_kind", pa.string()),  # null where the answer is not closed, or not in English
    ("answer", pa.string()),
)
DIALOGUES = table(
    "dialogues",
    ("delivery", "rules"),
    ("delivery", pa.string()),
    ("rules", pa.string()),
    ("example_id", pa.string()),
    ("dataset", pa.string()),
    ("kind", pa.string()),
    ("repairs", pa.int32()),
    ("dialogue_key", pa.string()),
)

# The RL prompts, one row each, derived from their examples for those who join and group.
PROMPTS = table(
    "prompts",
    ("delivery",),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("dataset", pa.string()),
    ("image_ids", pa.list_(pa.string())),
    ("query", pa.string()),
    ("image_key", pa.string()),
    ("query_key", pa.string()),
    ("ground_truth", pa.string()),  # null where none was delivered
    ("is_json", pa.bool_()),  # whether it was no text, and is written as JSON
    ("style", pa.string()),  # how answers are rewarded, in the words of the data
    ("data_source", pa.string()),  # the set that it is of, in the words of the data; rewards are chosen by it
    ("extra", pa.string()),  # JSON: the row's other columns, which reward functions may read
    ("rollouts", pa.list_(ROLLOUT)),
)

# What the examples' boxes are, once the sizes of their images are known (ops/boxes). The messages keep their texts as
# delivered. Deliveries of readings before boxes were read have none.
BOXES = table(
    "boxes",
    ("delivery",),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("ordinal", pa.int32()),  # among the boxes of the example, in the order of its texts
    ("message", pa.int32()),  # place among its messages; null of a box that stands beside them
    ("start", pa.int32()),  # bounds of its numbers in the message's text, in characters
    ("end", pa.int32()),
    ("image", pa.int32()),  # place among its images; null where nothing tells which it is
    ("image_id", pa.string()),
    ("image_width_px", pa.int32()),
    ("image_height_px", pa.int32()),
    ("phrase", pa.string()),  # what is said to be in it
    ("shape", pa.string()),  # box | point
    ("left", pa.float64()),  # pixels of the upright image, as delivered: neither ordered nor clipped
    ("top", pa.float64()),
    ("right", pa.float64()),
    ("bottom", pa.float64()),
    ("delivered", pa.list_(pa.float64())),
    ("notation", pa.string()),  # ops.boxes.notations
    ("convention", pa.string()),  # ops.boxes.conventions: that it was read by
    ("file_convention", pa.string()),  # that of its file and notation, or that the row names
    ("looks", pa.string()),  # that its numbers look like; null where they do not tell
    ("evidence", pa.string()),
)

QUARANTINE = table(
    "quarantine",
    ("delivery",),
    ("delivery", pa.string()),
    ("file", pa.string()),
    ("row", pa.int64()),
    ("source_id", pa.string()),
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("raw", pa.string()),
)

# A log: each row says that a delivery entered a state; the last row of a delivery is its present state.
DROPS = table(
    "drops",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("drop", pa.string()),
    ("delivery", pa.string()),
    ("source", pa.string()),  # where the files were read from
    ("state", pa.string()),  # arrived | admitted | rejected | superseded | withdrawn
    ("rows_in", pa.int64()),
    ("rows_kept", pa.int64()),
    ("rows_quarantined", pa.int64()),
    ("licence", pa.string()),
    ("gate_results", pa.string()),  # JSON
    ("note", pa.string()),  # what the person said who withdrew it; null in rows written before
    ("reading", pa.int32()),  # ops.intake.reading; null in rows written before readings were counted
    ("rereads", pa.string()),  # the delivery that was the same bytes in an older reading
)

# What came of each file of a delivery: apart from `drops`, which is read as a whole at every question.
DROP_FILES = table(
    "drop_files",
    (),
    ("delivery", pa.string()),
    ("file", pa.string()),
    ("sha256", pa.string()),
    ("rows_in", pa.int64()),
    ("rows_kept", pa.int64()),
    ("rows_quarantined", pa.int64()),
)
