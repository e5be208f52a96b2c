"""Tables of the lake of what is decided: verdicts, members, curriculum and log of versions, and the word of persons."""

import pyarrow as pa

from ops.core.schemas import TIMESTAMP, table

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

# The members and their verdicts carry `version`; a version exists when `versions` says so.
VERDICTS = table(
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

CURATED = table(
    "curated",
    ("version",),
    ("version", pa.int64()),
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("kind", pa.string()),
    ("weight", pa.float64()),
    ("soft_label", pa.float64()),  # probability that chosen beats rejected, where judgements disagree
)

CURRICULUM = table(
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
VERSIONS = table(
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

# A log of what persons decided on examples, which outranks the policy's rules in the versions that come after. The last
# row of an example is its present state; an id holds what the example says and shows, so that what is decided of it
# lapses where that changes.
DECISIONS = table(
    "decisions",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("example_id", pa.string()),
    ("content_id", pa.string()),
    ("drop", pa.string()),
    ("source_id", pa.string()),
    ("action", pa.string()),  # keep | drop | clear: the rules decide again
    ("by", pa.string()),
    ("why", pa.string()),
)

# A log of what persons let pass that the gate on removals would stop; the last row of a group is its present state.
OVERRIDES = table(
    "overrides",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("family", pa.string()),  # such as language
    ("group", pa.string()),  # such as de
    ("by", pa.string()),
    ("why", pa.string()),
    ("until", TIMESTAMP),
)

# A log of the clusters of alike pictures that removals are told by, with the names that overrides give: the last rows
# of an encoder, those of one `at`, hold.
PICTURE_CLUSTERS = table(
    "picture_clusters",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("encoder", pa.string()),
    ("cluster", pa.int32()),
    ("name", pa.string()),
    ("centre", pa.binary()),  # a direction about the mean: little-endian float64
    ("mean", pa.binary()),
    ("pictures", pa.int64()),  # examples that the clusters were found among
)

# Samples of a version that reviewers label, a row an example; each stands for `weight` examples of its stratum.
SAMPLES = table(
    "samples",
    (),
    ("sample", pa.string()),
    ("version", pa.int64()),
    ("seed", pa.int64()),
    ("measure", pa.string()),  # audit.column, by whose deciles it was drawn
    ("delivery", pa.string()),
    ("example_id", pa.string()),
    ("content_id", pa.string()),
    ("action", pa.string()),
    ("rules", pa.list_(pa.string())),  # that flag it
    ("stratum", pa.string()),
    ("stratum_rows", pa.int64()),
    ("weight", pa.float64()),
    ("value", pa.float64()),  # of the measure; null where it has none
    ("stratum_mean", pa.float64()),  # of the measure, over the whole stratum
)

# A log of what reviewers say of sampled examples; the last row of a reviewer on an example holds.
LABELS = table(
    "labels",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("sample", pa.string()),
    ("example_id", pa.string()),
    ("content_id", pa.string()),
    ("by", pa.string()),
    ("label", pa.string()),  # sound | faulty | unsure
    ("why", pa.string()),
)

# A log of what the labels of a sample told: the rows of one `at` belong together, and the last ones hold.
CALIBRATIONS = table(
    "calibrations",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("version", pa.int64()),
    ("sample", pa.string()),
    ("subject", pa.string()),  # rule | faults | reviewers | threshold | suggested | probability
    ("name", pa.string()),
    ("figure", pa.string()),  # precision | recall | false_positive_rate | rate | kappa | faulty
    ("value", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("rows", pa.int64()),
)
