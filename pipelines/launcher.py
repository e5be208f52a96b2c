"""How Dagster starts runs on this machine: as it does by itself, and with an answer when its run monitoring asks
whether a run's process is there still. By itself it has none, and a run that was killed would keep its place in the
pool of the engines for two days."""

from collections.abc import Mapping
from typing import Any, Self

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes.config_class import ConfigurableClassData

from pipelines.killed_runs import KILLED, MESSAGE, host_tag, is_killed


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, whose runs, and those of the command line, are looked after."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Starts the run, and notes the machine that it is on."""
        self._instance.add_run_tags(context.dagster_run.run_id, host_tag())
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is there; of another machine's it is taken to be."""
        if not is_killed(self._instance, run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._instance.add_run_tags(run.run_id, {KILLED: "true"})
        return CheckRunHealthResult(WorkerStatus.FAILED, MESSAGE)
