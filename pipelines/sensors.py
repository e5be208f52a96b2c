"""Watches a folder: each complete drop in it becomes a partition and a run."""

import dagster as dg

from assets.partitions import drops
from ops.intake.drop_files import DropError
from pipelines.jobs import drop_job
from resources.config.settings import Settings
from resources.intake.drop_folders import complete_drops


@dg.sensor(job=drop_job, minimum_interval_seconds=30)
def new_drops(context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]) -> dg.SensorResult:
    """A run for every complete drop of the watched folder (`ingest.watched`) whose files have not been read before.

    A drop is complete when its manifest or `_SUCCESS` is there. The run's key is the drop's name and a stamp of its
    files, so that a corrected drop runs again and an unchanged one does not.
    """
    watched = settings.ingest.watched
    if not watched:
        return dg.SensorResult(skip_reason="no folder is watched: set ingest.watched in assay.yaml")
    try:
        complete, problems = complete_drops(watched)
    except DropError as error:
        return dg.SensorResult(skip_reason=str(error))
    for problem in problems:
        context.log.warning(problem)
    known = set(context.instance.get_dynamic_partitions("drops"))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(partition_key=name, run_key=f"{name}:{stamp}") for name, stamp in sorted(complete.items())
        ],
        dynamic_partitions_requests=[drops.build_add_request(sorted(complete.keys() - known))],
    )
