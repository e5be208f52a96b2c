"""Figures for Prometheus, after each drop and each version."""

import dagster as dg

from resources.config.settings import Settings
from resources.lake.tables import Lake
from resources.status.metrics import MetricsError, write_metrics


def tell_metrics(context: dg.AssetExecutionContext, lake: Lake, settings: Settings) -> None:
    """Writes the file that the settings name, if any. Where it cannot be, the log says so: the data is none the
    worse."""
    if settings.operation.metrics:
        try:
            write_metrics(lake, settings.operation.metrics)
        except MetricsError as error:
            context.log.error(str(error))
