"""The jobs: what is done for one drop, for the corpus of all admitted drops, and for a model that was
trained on it and the reward that trains it further."""

import warnings

from pipelines.dagster_types import asset_job

# Drops are read in a run each, and measured in one: so a backfill of `drop_job` has a run for each, as Dagster warns.
warnings.filterwarnings("ignore", message="Asset job drop_job materializes assets with varying BackfillPolicies")

drop_job = asset_job(
    "drop_job",
    groups=("drop", "measures"),
    description="Reads one drop, admits or rejects it, embeds and measures it. Backfills run it by partition.",
)
corpus_job = asset_job(
    "corpus_job",
    groups=("corpus", "version"),
    description="Audits all admitted drops together, judges every example, gates the candidate and publishes it.",
)
checkpoint_job = asset_job(
    "checkpoint_job",
    groups=("training",),
    description="Holds a fine-tuned image tower against its baseline, on the pictures of the lake.",
)
reward_job = asset_job(
    "reward_job",
    groups=("reward",),
    description="Tries a reward on the questions of the lake: is it blind, can it be hacked, and by what?",
)
