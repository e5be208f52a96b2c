"""What starts runs by itself: complete drops of the watched folder, checkpoints of the watched one."""

import time
from collections.abc import Iterator

import dagster as dg

from assets.partitions import drops
from ops.intake.drop_files import DropError
from pipelines.alerts import say
from pipelines.dagster_types import sensor
from pipelines.jobs import checkpoint_job, drop_job
from resources.alerts.alert import Alert
from resources.checkpoints.errors import CheckpointError
from resources.checkpoints.watched import look_for
from resources.config.settings import Settings
from resources.intake.watched_folder import Look, Memory, look_at


def new_drops(settings: Settings) -> dg.SensorDefinition:
    """The sensor of `ingest.watched`: a run for every complete drop whose files have not been read before.

    A drop is complete when its manifest or `_SUCCESS` is there. The run's key is the drop's name and a stamp of its
    files, so that a corrected drop runs again and an unchanged one does not. What was seen is the sensor's cursor.
    """

    @sensor(
        "new_drops",
        job=drop_job,
        every_s=settings.operation.watch_seconds,
        status=_status(settings.operation.watch),
        description="A run of the drop job for each complete drop of the folder ingest.watched that is new or changed.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        watched = settings.ingest.watched
        if not watched:
            return dg.SensorResult(skip_reason="no folder is watched: set ingest.watched in assay.yaml")
        try:
            folder = look_at(watched, Memory.of(context.cursor), now=time.time())
        except DropError as error:
            return dg.SensorResult(skip_reason=str(error))
        for line in folder.problems:
            context.log.warning(line)
        for alert in _late(folder, settings):
            say(alert, settings, context.log.warning)
        return _runs(context, folder)

    return look


def new_checkpoints(settings: Settings) -> dg.SensorDefinition:
    """The sensor of `operation.checkpoints.watched`: a run for every checkpoint that is new or changed, once it is no
    longer written to. On where a folder is named."""
    asked = settings.operation.checkpoints

    @sensor(
        "new_checkpoints",
        job=checkpoint_job,
        every_s=settings.operation.watch_seconds,
        status=_status(bool(asked.watched)),
        description="An audit of each fine-tuned image tower in the folder operation.checkpoints.watched.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if not asked.watched:
            return dg.SensorResult(skip_reason="no folder is watched: set operation.checkpoints.watched in assay.yaml")
        try:
            folder = look_for(asked.watched, context.cursor, settled_s=asked.settled_seconds, now=time.time())
        except CheckpointError as error:
            return dg.SensorResult(skip_reason=str(error))
        requests = [
            dg.RunRequest(
                run_key=f"{path}:{stamp}",
                run_config=dg.RunConfig(ops={"checkpoint_alignment": {"config": {"checkpoint": path}}}),
                tags={"assay/checkpoint": path.rpartition("/")[2]},
            )
            for path, stamp in folder.new.items()
        ]
        skipped = None if requests else "no checkpoint is new or changed"
        return dg.SensorResult(run_requests=requests, skip_reason=skipped, cursor=folder.packed())

    return look


def _status(on: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED


def _runs(context: dg.SensorEvaluationContext, look: Look) -> dg.SensorResult:
    requests = [
        dg.RunRequest(partition_key=name, run_key=f"{name}:{stamp}", tags={"assay/drop": name})
        for name, stamp in sorted(look.arrived.items())
    ]
    if not requests:
        waiting = f"; incomplete: {', '.join(sorted(look.waiting))}" if look.waiting else ""
        return dg.SensorResult(skip_reason=f"no drop is new or changed{waiting}", cursor=look.memory.packed())
    fresh = sorted(look.arrived.keys() - set(context.instance.get_dynamic_partitions(str(drops.name))))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[drops.build_add_request(fresh)],
        cursor=look.memory.packed(),
    )


def _late(look: Look, settings: Settings) -> Iterator[Alert]:
    """Of sub-folders that are incomplete for too long, or went away before they were complete: each said once."""
    hours = settings.operation.overdue_hours
    for name in look.overdue(hours):
        fix = "end the upload with a _SUCCESS or a drop.yaml, or remove the folder"
        yield Alert(f"{name} in {settings.ingest.watched} is incomplete since {hours:g} hours", fix=fix)
    for name in look.gone:
        fix = "deliver it again, if it was to be read"
        yield Alert(f"{name} in {settings.ingest.watched} went away before it was complete", fix=fix)
