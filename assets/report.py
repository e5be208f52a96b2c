"""A published version becomes a page that a person reads."""

import dagster as dg

from resources.lake import Lake
from resources.publishing import current_version
from resources.reporting import make_report


@dg.asset(deps=["versions", "modality_statistics"], group_name="version", kinds={"html"})
def report(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """One self-contained page of the current version: what came in, what went out, and why."""
    return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(make_report(lake, current_version(lake)))})
