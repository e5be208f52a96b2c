"""A published version becomes a page that a person reads."""

import dagster as dg

from assets.metrics import tell_metrics
from assets.specs import Materialized
from assets.steps import step
from resources.config.settings import Settings
from resources.lake.housekeeping import compact_all
from resources.lake.tables import Lake
from resources.report.report import make_report
from resources.versions.publishing import current_version


@dg.asset(deps=["versions", "modality_statistics", "corpus_canaries"], group_name="version", kinds={"html"})
@step
def report(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> Materialized:
    """One self-contained page of the current version: what came in, what went out, and why."""
    version = current_version(lake)
    page = make_report(lake, version)
    # The night's last step: what its commits left in small files is merged when nothing waits for it.
    merged = compact_all(lake)
    counts = {"files_merged": merged.before, "files_made": merged.after}
    tell_metrics(context, lake, settings)
    link = dg.MetadataValue.url(f"/reports/{version}")  # which the UI serves (pipelines/ui_pages.py)
    return dg.MaterializeResult(metadata={"report": link, "file": dg.PathMetadataValue(str(page)), **counts})
