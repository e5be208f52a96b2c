"""What starts by the clock: a version a night, where anything changed."""

import dagster as dg

from ops.core.errors import AssayError
from pipelines.alerts import say
from pipelines.jobs import corpus_job
from resources.alerts.alert import Alert
from resources.config.located_yaml import SettingsError
from resources.config.settings import Settings
from resources.lake.tables import Lake
from resources.versions.pending import pending


def nightly(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule of `operation.cron`. Raises SettingsError where that is no cron line."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake: Lake = context.resources.lake
        try:
            ahead = pending(lake, settings)
        except AssayError as error:
            say(Alert("the night's version could not be planned", (str(error),)), settings, context.log.error)
            return dg.SkipReason(str(error))
        if ahead.blocking:
            fix = "`assay backfill --dry-run` tells what that costs, `assay backfill` does it"
            alert = Alert("no version tonight", (f"not measured under these settings: {ahead.blocked}",), fix=fix)
            say(alert, settings, context.log.error)
            return dg.SkipReason(alert.text)
        if not ahead.changes:
            return dg.SkipReason(ahead.summary)
        return dg.RunRequest(tags={"assay/because": "; ".join(ahead.changes)[:250]})

    try:
        return dg.ScheduleDefinition(
            name="nightly",
            job=corpus_job,
            cron_schedule=settings.operation.cron,
            execution_timezone=settings.operation.time_zone,
            default_status=_status(settings.operation.nightly),
            required_resource_keys={"lake"},
            execution_fn=evaluate,
            description="A version a night; where nothing changed, none.",
        )
    except dg.DagsterInvalidDefinitionError:
        example = "five fields such as 0 2 * * *"
        raise SettingsError(f"operation.cron: {settings.operation.cron!r} is no cron line; {example}") from None


def _status(on: bool) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
