"""Tables of the lake of what is measured: vectors, what models say, outcomes of gates, the corpus,
checkpoints, what steps cost."""

import pyarrow as pa

from ops.core.schemas import TIMESTAMP, table

# What the gate of an audit's measures made of a delivery's, by the identity of these measures and of the limits. Where
# there are several rows of the same identities, the last holds.
MEASURES_GATES = table(
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

EMBEDDINGS = table(
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
LIKELIHOODS = table(
    "likelihoods",
    ("model",),
    ("model", pa.string()),
    ("key", pa.string()),
    ("nats", pa.float64()),  # of the whole answer; not a number where the model cannot read so much
    ("tokens", pa.int32()),
    key="key",
)

# Where in a picture a phrase has its place (ops/vision/regions.py), by picture, phrase, and the encoder that found it.
REGIONS = table(
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

# Which of a delivery's canaries each audit found (ops/canaries): rows of its own that were damaged in memory, measured
# beside others, and stored nowhere. `identity` names the audits' measures and the rules that act on them.
CANARIES = table(
    "canaries",
    (),
    ("delivery", pa.string()),
    ("identity", pa.string()),
    ("at", TIMESTAMP),
    ("fault", pa.string()),
    ("audit", pa.string()),
    ("planted", pa.int32()),
    ("caught", pa.int32()),
    ("recall_low", pa.float64()),  # 95 % interval of caught / planted
    ("recall_high", pa.float64()),
    ("own", pa.int32()),  # the delivery's own rows beside them
    ("flagged", pa.int32()),  # of those; they may have the fault
    ("flagged_low", pa.float64()),
    ("flagged_high", pa.float64()),
)

# The same by rule: what it caught of the canaries with a fault that its audit looks for, and what no other rule did.
CANARY_RULES = table(
    "canary_rules",
    (),
    ("delivery", pa.string()),
    ("identity", pa.string()),
    ("at", TIMESTAMP),
    ("fault", pa.string()),
    ("rule", pa.string()),
    ("audit", pa.string()),
    ("planted", pa.int32()),
    ("caught", pa.int32()),
    ("alone", pa.int32()),
    ("own", pa.int32()),
    ("flagged", pa.int32()),
    ("flagged_alone", pa.int32()),
    ("scores", pa.list_(pa.float64())),  # of canaries: how near they come to the rule's limit
    ("own_reached", pa.list_(pa.int32())),  # own rows that come as near, for each of these scores
)

# By group of rows (a language, a dataset, ...): how many of the canaries with a fault rules found, and, where the fault
# is empty, how many own rows they flagged. The groups of the family `pictures` are images of the delivery, each of
# which stands for those that are most like it: a gate knows only later which clusters there are.
CANARY_GROUPS = table(
    "canary_groups",
    (),
    ("delivery", pa.string()),
    ("identity", pa.string()),
    ("at", TIMESTAMP),
    ("fault", pa.string()),
    ("family", pa.string()),
    ("group", pa.string()),
    ("rows", pa.int32()),
    ("met", pa.int32()),  # by a rule that acts on an audit which looks for the fault
)

# What a delivery's canaries and own rows tell of how likely a row has a fault, by audit (ops/chances/known_faults.py):
# the models, their inputs, and what they tell of all own rows. A row's chance follows from its id and its score. Of an
# audit that has p-values, of files for example, these tell it (ops/chances/p_values.py): then `unit` is the column that
# names what has one, `own` how many have, and the models are their `wrong_shares` and `powers`.
CANARY_CHANCES = table(
    "canary_chances",
    (),
    ("delivery", pa.string()),
    ("identity", pa.string()),
    ("at", TIMESTAMP),
    ("audit", pa.string()),
    ("measures", pa.string()),  # identity of the audit's measures that these chances are for; of the corpus' its family
    ("column", pa.string()),  # of the measures, by which rows are scored
    ("sign", pa.int32()),
    ("faults", pa.list_(pa.string())),
    ("canaries", pa.list_(pa.float64())),  # scores of the damaged rows
    ("own", pa.int32()),  # own rows with a score
    ("unseen", pa.float64()),
    ("wrong_shares", pa.list_(pa.list_(pa.float64()))),  # of the models of each part of the rows
    ("means", pa.list_(pa.list_(pa.float64()))),
    ("spreads", pa.list_(pa.list_(pa.float64()))),
    ("unit", pa.string()),  # null where rows are scored beside canaries
    ("powers", pa.list_(pa.float64())),
    ("share", pa.float64()),
    ("share_low", pa.float64()),
    ("share_high", pa.float64()),
    ("why", pa.string()),  # why no chance is told; empty where one is
)

# Examples, answers, tokens and images by dataset and delivery, for the corpus and the measures that `identity` names.
MODALITY_STATISTICS = table(
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
CONTRADICTION_RATES = table(
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
CORPUS_JOBS = table(
    "corpus_jobs",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("audit", pa.string()),
    ("family", pa.string()),  # identity of the audit, its settings and encoder, whatever the deliveries
    ("identity", pa.string()),
    ("state", pa.string()),  # begun | done | failed | retired
    ("owner", pa.string()),
    ("until", TIMESTAMP),  # when another may begin it
    ("deliveries", pa.list_(pa.string())),  # in the order in which their drops came
    ("rows", pa.int64()),
    ("knows", pa.string()),  # name of what the audit knows of the whole corpus
    ("made_from", pa.string()),  # identity of the earlier measures that were carried over; empty where none were
)

CHECKPOINTS = table(
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

# A log: rewards that were tried on the lake's own questions.
REWARD_AUDIT = table(
    "reward_audit",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("reward", pa.string()),  # as it was named
    ("cases", pa.int64()),
    ("visual_cases", pa.int64()),
    ("questions", pa.int64()),
    ("verdict", pa.string()),  # pass | warn | reject
    ("named", pa.list_(pa.string())),  # findings that warn or reject
    ("outcome", pa.string()),  # JSON: resources.rewards.auditing.RewardAudit
)

# A log: what each step of a run took of the machine that drove it.
STEP_COSTS = table(
    "step_costs",
    (),
    ("sequence", pa.int64()),
    ("at", TIMESTAMP),
    ("run", pa.string()),
    ("job", pa.string()),
    ("step", pa.string()),
    ("drop", pa.string()),  # null of a step of the corpus
    ("outcome", pa.string()),  # done | failed
    ("seconds", pa.float64()),
    ("processor_seconds", pa.float64()),
    # Of a step that embeds, null of others and of rows from before they were kept:
    ("embedded", pa.int64()),  # images and texts
    ("known", pa.int64()),  # that had their vectors from before
    ("gpu_seconds", pa.float64()),  # 0 where no GPU was used
)
