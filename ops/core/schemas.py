"""The tables of the lake: the one place where their columns are named.

Every engine reads a table with the schema given here, never with one it inferred: inference would turn a drop named
2026-11-23 into a date and 007 into 7, and would fail on an empty table.
"""

from dataclasses import dataclass

import pyarrow as pa

PART = pa.struct([("type", pa.string()), ("text", pa.string()), ("image_id", pa.string())])
MESSAGE = pa.struct([("role", pa.string()), ("parts", pa.list_(PART))])
ROLLOUT = pa.struct([("response", pa.string()), ("reward", pa.float64())])
PROVENANCE = pa.struct([("file", pa.string()), ("row", pa.int64())])
REASON = pa.struct(
    [
        ("rule", pa.string()),
        ("audit", pa.string()),
        ("turn", pa.int32()),
        ("value", pa.string()),
        ("threshold", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of the lake: its columns and how its files are partitioned. In a table stored by content, rows of one
    `key` in one partition say the same: two writers may both have stored it, and a reader takes any."""

    name: str
    schema: pa.Schema
    partition_by: tuple[str, ...] = ()
    key: str = ""


def _table(name: str, partition_by: tuple[str, ...], *fields: tuple[str, pa.DataType], key: str = "") -> TableSpec:
    return TableSpec(name, pa.schema(list(fields)), partition_by, key)


TIMESTAMP = pa.timestamp("us", tz="UTC")

# A preference example ends in candidate messages whose role is `chosen`, `rejected` or `response`; the roles of a
# conversation are `system`, `user`, `assistant`, `tool`, and `context`: an assistant's turn that carries no loss. It is
# a role rather than a column so that what takes `assistant` for targets is right without knowing it, and that the
# tables of older lakes stay as they are. So are the ends of an RL prompt: `ground_truth`, then a `rollout` for each
# response that was delivered with it; every answer in a prompt is `context`.
EXAMPLES = _table(
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

IMAGES = _table(
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

PREFERENCES = _table(
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
TURNS = _table(
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
DIALOGUES = _table(
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
PROMPTS = _table(
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
BOXES = _table(
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

QUARANTINE = _table(
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
DROPS = _table(
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
DROP_FILES = _table(
    "drop_files",
    (),
    ("delivery", pa.string()),
    ("file", pa.string()),
    ("sha256", pa.string()),
    ("rows_in", pa.int64()),
    ("rows_kept", pa.int64()),
    ("rows_quarantined", pa.int64()),
)

# What the gate of an audit's measures made of a delivery's, by the identity of these measures and of the limits. Where
# there are several rows of the same identities, the last holds.
MEASURES_GATES = _table(
    "gate_outcomes",
    (),
    ("delivery", pa.string()),
    ("at", TIMESTAMP),
    ("audit", pa.string()),
    ("identity", pa.string()),
    ("limits", pa.string()),
    ("success", pa.bool_()),
    ("failures", pa.list_(pa.string())),
    ("fixes", pa.list_(pa.string())),
    ("gate_results", pa.string()),  # JSON
)

EMBEDDINGS = _table(
    "embeddings",
    ("encoder", "modality"),
    ("encoder", pa.string()),
    ("modality", pa.string()),  # image | text
    ("content_id", pa.string()),  # image_id, or the hash of the text
    ("vector", pa.binary()),  # unit length, little-endian float16
    key="content_id",
)

# How likely a vision-language model finds an answer (ops/evidence/likelihoods.py), by model and content of the
# question.
LIKELIHOODS = _table(
    "likelihoods",
    ("model",),
    ("model", pa.string()),
    ("key", pa.string()),
    ("nats", pa.float64()),  # of the whole answer; not a number where the model cannot read so much
    ("tokens", pa.int32()),
    key="key",
)

# Where in a picture a phrase has its place (ops/vision/regions.py), by picture, phrase, and the encoder that found it.
REGIONS = _table(
    "regions",
    ("finder",),
    ("finder", pa.string()),
    ("key", pa.string()),
    ("image_id", pa.string()),
    ("text_id", pa.string()),
    ("box", pa.list_(pa.float32())),  # left, top, right, bottom as shares; null of an encoder that cannot tell
    ("similarity", pa.float32()),
    ("fit", pa.float32()),
    ("margin", pa.float32()),
    ("colours", pa.binary()),
    key="key",
)

# The members and their verdicts carry `version`; a version exists when `versions` says so.
VERDICTS = _table(
    "verdicts",
    ("version",),
    ("version", pa.int64()),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("source_id", pa.string()),
    ("dataset", pa.string()),
    ("kind", pa.string()),
    ("action", pa.string()),  # keep | downweight | hold | drop
    ("weight", pa.float64()),
    ("reasons", pa.list_(REASON)),
)

CURATED = _table(
    "curated",
    ("version",),
    ("version", pa.int64()),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("kind", pa.string()),
    ("weight", pa.float64()),
    ("soft_label", pa.float64()),  # probability that chosen beats rejected, where judgements disagree
)

CURRICULUM = _table(
    "curriculum",
    ("version",),
    ("version", pa.int64()),
    ("stage", pa.int32()),
    ("position", pa.int64()),
    ("difficulty", pa.float64()),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
)

# A log, like `drops`: the last row of a version is its present state; the current version is the one whose
# `published` row came last, so that a rollback is one more row.
VERSIONS = _table(
    "versions",
    (),
    ("sequence", pa.int64()),
    ("version", pa.int64()),
    ("at", TIMESTAMP),
    ("state", pa.string()),  # candidate | published | rejected
    ("parent", pa.int64()),
    ("content", pa.string()),  # hash of everything that decides the version's content
    ("deliveries", pa.list_(pa.string())),
    ("left_out", pa.string()),  # JSON: ops.decision.versions.LeftOut; null in rows written before
    ("measures", pa.string()),  # JSON: audit -> identity of its measures
    ("tables", pa.string()),  # JSON: table -> pinned Delta version
    ("policy", pa.string()),  # hash of the policy
    ("config", pa.string()),  # the whole effective configuration, JSON
    ("code", pa.string()),
    ("encoder", pa.string()),
    ("counts", pa.string()),  # JSON
    ("gate_results", pa.string()),  # JSON
)

# Examples, answers, tokens and images by dataset and delivery, for the corpus and the measures that `identity` names.
MODALITY_STATISTICS = _table(
    "modality_statistics",
    ("identity",),
    ("identity", pa.string()),
    ("delivery", pa.string()),
    ("dataset", pa.string()),
    ("kind", pa.string()),
    ("modality", pa.string()),  # visual | blind (it has an image, and every answer is known without it) | text
    ("examples", pa.int64()),
    ("turns", pa.int64()),
    ("loss_tokens", pa.int64()),
    ("images", pa.int64()),
    ("image_tokens", pa.int64()),
)

# How much of what was judged contradicts itself, by delivery, dataset and kind, with a 95 % interval of the share.
CONTRADICTION_RATES = _table(
    "contradiction_rates",
    ("identity",),
    ("identity", pa.string()),
    ("delivery", pa.string()),
    ("dataset", pa.string()),
    ("kind", pa.string()),
    ("judged", pa.int64()),
    ("found", pa.int64()),
    ("share", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
)

# A log of what was measured of the corpus: each run takes an audit's measures of an identity upon itself (`begun`), for
# as long as it says, and says when they are there (`done`), over which deliveries and how many rows they are.
CORPUS_JOBS = _table(
    "corpus_jobs",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("audit", pa.string()),
    ("family", pa.string()),  # identity of the audit, its settings and encoder, whatever the deliveries
    ("identity", pa.string()),
    ("state", pa.string()),  # begun | done | failed
    ("owner", pa.string()),
    ("until", TIMESTAMP),  # when another may begin it
    ("deliveries", pa.list_(pa.string())),  # in the order in which their drops came
    ("rows", pa.int64()),
    ("knows", pa.string()),  # name of what the audit knows of the whole corpus
    ("made_from", pa.string()),  # identity of the earlier measures that were carried over; empty where none were
)

CHECKPOINTS = _table(
    "checkpoints",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("checkpoint", pa.string()),  # where it lay
    ("weights", pa.string()),  # hash of its files
    ("baseline", pa.string()),  # identity of the encoder that it is held against
    ("probe_set", pa.string()),  # hash of the pictures and texts
    ("probes", pa.int64()),
    ("verdict", pa.string()),  # pass | warn | reject
    ("kept", pa.float64()),  # of the last layer (ops.checkpoints.shifts)
    ("retrieval", pa.float64()),  # share of the probes whose text is found; null of a tower without texts
    ("retrieval_before", pa.float64()),
    ("outcome", pa.string()),  # JSON: resources.checkpoints.auditing.CheckpointAudit
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        EXAMPLES,
        IMAGES,
        PREFERENCES,
        TURNS,
        DIALOGUES,
        PROMPTS,
        BOXES,
        QUARANTINE,
        DROPS,
        DROP_FILES,
        MEASURES_GATES,
        EMBEDDINGS,
        LIKELIHOODS,
        REGIONS,
        VERDICTS,
        CURATED,
        CURRICULUM,
        VERSIONS,
        MODALITY_STATISTICS,
        CONTRADICTION_RATES,
        CORPUS_JOBS,
        CHECKPOINTS,
    )
}
