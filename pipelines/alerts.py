"""Who hears of failed runs, of failed gates, and of versions that no night renews: sensors over Dagster's records."""

import time
from collections.abc import Callable

import dagster as dg

from pipelines.dagster_types import failure_sensor, sensor, success_sensor
from pipelines.run_names import drops_of, name_of
from resources.alerts.alert import Alert
from resources.alerts.sending import send
from resources.config.settings import Settings

RUNNING = dg.DefaultSensorStatus.RUNNING


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors that alert; each logs what it says, so that it shows in the UI where no address is set."""
    return [_failed_runs(settings), _failed_gates(settings), _stale_versions(settings)]


def _failed_runs(settings: Settings) -> dg.SensorDefinition:
    @failure_sensor("failed_runs", status=RUNNING, description="Alerts of each run that failed, with its error.")
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        run, errors = context.dagster_run, context.get_step_failure_events()
        causes = [event.step_failure_data.error for event in errors]
        lines = [_first_line(cause.cause.message if cause.cause else cause.message) for cause in causes if cause]
        alert = Alert(
            f"{subject_of(run)} failed",
            (*(lines or [context.failure_event.message or ""]), *_failed_checks(context.instance, run)),
            fix="see to what the error names, and start the run again: what was done is not done twice",
            link=_link(settings, run),
        )
        say(alert, settings, context.log.warning)

    return failed_runs


def _failed_gates(settings: Settings) -> dg.SensorDefinition:
    @success_sensor(
        "failed_gates",
        status=RUNNING,
        description="Alerts of each gate that failed in a run that ended well otherwise: the figure and its limit.",
    )
    def failed_gates(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        if failures := _failed_checks(context.instance, run):
            alert = Alert(f"{subject_of(run)}: {len(failures)} checks failed", failures, link=_link(settings, run))
            say(alert, settings, context.log.warning)

    return failed_gates


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, ...]:
    """What the checks of the run that failed say: the figure, its limit, what to do."""
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [event.get_dagster_event().asset_check_evaluation_data for event in events]
    return tuple(check.description or check.check_name for check in checks if not check.passed)


def _stale_versions(settings: Settings) -> dg.SensorDefinition:
    @sensor(
        "stale_versions",
        every_s=3600,
        status=RUNNING,
        description="Alerts, once, when no corpus run has ended well for operation.fresh_hours.",
    )
    def stale_versions(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = dg.RunsFilter(job_name="corpus_job", statuses=[dg.DagsterRunStatus.SUCCESS])
        record = next(iter(context.instance.get_run_records(ended, limit=1)), None)
        if record is None or record.end_time is None:
            return dg.SkipReason("no corpus run has ended well yet")
        limit, hours = settings.operation.fresh_hours, (time.time() - record.end_time) / 3600
        if hours < limit:
            return dg.SkipReason(f"the last corpus run ended well {hours:.1f} hours ago")
        if context.cursor != record.dagster_run.run_id:
            alert = Alert(
                f"no version was made or confirmed for {hours:.0f} hours",
                (f"operation.fresh_hours allows {limit:g}",),
                fix="is the nightly schedule on, and does the daemon run? `assay status` says what a run would do",
                link=_link(settings, record.dagster_run),
            )
            say(alert, settings, context.log.warning)
            context.update_cursor(record.dagster_run.run_id)
        return dg.SkipReason(f"the last corpus run ended well {hours:.1f} hours ago, which was told")

    return stale_versions


def subject_of(run: dg.DagsterRun) -> str:
    """What a run was about, in words."""
    return name_of(run.job_name, drops_of(run))


def _link(settings: Settings, run: dg.DagsterRun) -> str:
    return f"{settings.operation.ui.rstrip('/')}/runs/{run.run_id}" if settings.operation.ui else ""


def say(alert: Alert, settings: Settings, log: Callable[[str], None]) -> None:
    """Logs the alert, and sends it where the settings name an address."""
    log(alert.text)
    for problem in send(alert, settings.operation.alerts):
        log(problem)


def _first_line(message: str) -> str:
    return (message.strip().splitlines() or [""])[0][:500]
