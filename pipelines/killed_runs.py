"""Runs whose process is gone and that still stand as started: killed, or ended with their machine. A tag of the run
names its machine, its events the process. The next run of the command line marks them as failed; under the daemon
Dagster's run monitoring does, which asks a launcher of ours (pipelines/launcher.py)."""

import socket

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from resources.engines.processes import is_there

HOST, KILLED = "assay/host", "assay/killed"
"""Tags of a run: the machine that its process is on; and that it was found gone."""
MESSAGE = (
    "The process of this run is gone: it was killed, or the machine stopped. Run the same again: it goes on from what "
    "is done."
)


def host_tag() -> dict[str, str]:
    """The tag of a run of this machine."""
    return {HOST: socket.gethostname()}


def is_killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the run stands as begun, was one of this machine, and its process is no more."""
    if run.status not in IN_PROGRESS_RUN_STATUSES or run.tags.get(HOST) != socket.gethostname():
        return False
    processes = [
        (int(str(metadata["pid"].value)), entry.timestamp)
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        if "pid" in (metadata := entry.get_dagster_event().engine_event_data.metadata)
    ]
    return bool(processes) and not is_there(*processes[-1])


def end_killed_runs(instance: dg.DagsterInstance) -> list[str]:
    """Marks them as failed; returns their ids."""
    begun = instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
    killed = [run for run in begun if is_killed(instance, run)]
    for run in killed:
        instance.add_run_tags(run.run_id, {KILLED: "true"})
        instance.report_run_failed(run, MESSAGE)
    return [run.run_id for run in killed]
