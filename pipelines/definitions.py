"""Everything Dagster knows, bound to one lake and one configuration."""

import os
from functools import partial
from pathlib import Path

import dagster as dg

from assets import checkpoints, corpus, corpus_canaries, ingest, measures, report, rewards, versions
from pipelines.alerts import alert_sensors
from pipelines.automation import operated
from pipelines.dagster_types import assets_in
from pipelines.jobs import checkpoint_job, corpus_job, drop_job, reward_job
from pipelines.schedules import nightly
from pipelines.sensors import new_checkpoints, new_drops
from resources.config.settings import Settings, load_settings
from resources.engines.progress import LogProgress, Progress, Together
from resources.lake.tables import Lake


def bind(lake: str | Path, settings: Settings, *, progress: Progress | None = None) -> dg.Definitions:
    """The definitions over that lake. One process runs a whole job, so that Ray and Spark start once. Progress goes to
    the log of each run as well, which the UI shows."""
    everywhere = LogProgress() if progress is None else Together(progress, LogProgress())
    modules = [checkpoints, corpus, corpus_canaries, ingest, measures, report, rewards, versions]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(partial(operated, settings=settings), assets_in(modules))),
        jobs=[drop_job, corpus_job, checkpoint_job, reward_job],
        schedules=[nightly(settings)],
        sensors=[new_drops(settings), new_checkpoints(settings), *alert_sensors(settings)],
        executor=dg.in_process_executor,
        resources={"lake": Lake(lake), "settings": settings, "progress": everywhere},
    )


def _from_environment() -> dg.Definitions:
    config = os.environ.get("ASSAY_CONFIG")
    return bind(os.environ.get("ASSAY_LAKE", "lake"), load_settings(Path(config) if config else None))


defs = _from_environment()
