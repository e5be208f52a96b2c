"""A published version becomes a page that a person reads."""

import dagster as dg

from resources.lake.tables import Lake
from resources.report.report import make_report
from resources.versions.publishing import current_version


@dg.asset(deps=["versions", "modality_statistics"], group_name="version", kinds={"html"})
def report(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """One self-contained page of the current version: what came in, what went out, and why."""
    return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(make_report(lake, current_version(lake)))})
