"""The jobs of a lake whose last run failed or was killed, as `assay status` shows them."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pipelines.killed_runs import KILLED, is_killed
from pipelines.run_names import drops_of, name_of
from resources.config.places import plain_place
from resources.storage.state import dagster_home

_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class FailedRun:
    """The last run of a job, for a drop, for several (`A to B`) or for the corpus (`drop` is empty). `at` is in seconds
    since 1970."""

    run: str
    job: str
    drop: str
    at: float
    killed: bool

    @property
    def line(self) -> str:
        """What became of it, and what to do."""
        of = name_of(self.job, self.drop)
        if self.killed:
            return (
                f"The last run of {of} was killed ({self.run[:8]}): run the same again, it goes on from what is done."
            )
        return f"The last run of {of} failed ({self.run[:8]}): its message is in the UI (`make dev`)."


def failed_runs(lake: str | Path) -> list[FailedRun]:
    """Those among the last hundred runs of the lake's instance; a run that stands as begun and whose process is gone is
    one of them. Writes nothing."""
    home = dagster_home(plain_place(lake))
    if not home.is_dir():
        return []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        last: dict[tuple[str, str], dg.RunRecord] = {}
        for record in instance.get_run_records(limit=_LOOKED_AT):  # the newest first
            run = record.dagster_run
            last.setdefault((run.job_name, drops_of(run)), record)
        return [
            FailedRun(run.run_id, job, drop, record.create_timestamp.timestamp(), killed)
            for (job, drop), record in last.items()
            for run in [record.dagster_run]
            for killed in [KILLED in run.tags or is_killed(instance, run)]
            if killed or run.status == dg.DagsterRunStatus.FAILURE
        ]
