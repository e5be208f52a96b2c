"""What a run was about, in words."""

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

_OF_ASSETS = "__ASSET_JOB"
"""Dagster's job of whatever assets somebody chose."""


def drops_of(run: dg.DagsterRun) -> str:
    """Its drop; of a backfill the first and the last, as they arrived; nothing of a run of the corpus."""
    first, last = (run.tags.get(tag, "") for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    return run.tags.get(PARTITION_NAME_TAG) or (first if first == last else f"{first} to {last}")


def name_of(job: str, drops: str) -> str:
    """The job and its drops."""
    job = "the making of chosen assets" if job.startswith(_OF_ASSETS) else job
    return f"{job} of drop {drops}" if drops else job
