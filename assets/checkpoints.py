"""A fine-tuned image tower is held against its baseline, on the pictures of the lake."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from assets.checks import graded_check, table_of
from assets.partitions import ENGINES
from assets.specs import CODE, Materialized, table_metadata
from assets.steps import step
from ops.core.grades import PASS
from ops.core.measure_schemas import CHECKPOINTS
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.lake.tables import Lake

if TYPE_CHECKING:
    from resources.checkpoints.auditing import CheckpointAudit


_STILL_SEES = "The tower moved from its baseline no farther than fine-tuning moves one that still sees."


class CheckpointConfig(dg.Config):
    """Which checkpoint is audited."""

    checkpoint: str = Field(description="A file of weights, or a folder with them.")
    baseline: str = Field(
        "", description="What it was made from; empty for `operation.checkpoints.baseline` of assay.yaml."
    )


@dg.asset(
    name="checkpoint_alignment",
    deps=["examples", "images", "drops"],
    group_name="training",
    kinds={"deltalake", "pytorch"},
    pool=ENGINES,
    code_version=str(CODE),
    metadata=table_metadata(CHECKPOINTS),
    check_specs=[dg.AssetCheckSpec("still_sees", asset="checkpoint_alignment", description=_STILL_SEES)],
)
@step
def checkpoint_alignment(
    config: CheckpointConfig,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Materialized:
    """Whether a fine-tuned image tower still sees: how far its layers moved from the baseline's, and whether it still
    finds the texts of the lake's pictures. One row of the log `checkpoints` an audit."""
    from resources.checkpoints.lake_audits import audit_on_lake  # torch takes seconds to import

    asked = settings.operation.checkpoints
    audit = audit_on_lake(
        lake,
        Path(config.checkpoint),
        config.baseline or asked.baseline,
        encoder=settings.encoder,
        pictures=asked.pictures,
        progress=progress,
    )
    return dg.MaterializeResult(metadata=_metadata(audit), check_results=[_check(audit)])


def _metadata(audit: "CheckpointAudit") -> dict[str, Any]:
    layers = [
        {
            "layer": layer.layer,
            "kept": round(layer.kept, 3),
            "CKA": round(layer.cka, 3),
            "mean cosine": round(layer.mean_cosine, 3),
            "directions before": round(layer.rank_before, 1),
            "directions after": round(layer.rank_after, 1),
        }
        for layer in audit.layers
    ]
    skills = {skill.name: skill.after for skill in audit.skills}
    figures = {"kept": audit.layers[-1].kept, "weights changed by": audit.change.relative, **skills}
    named = {"checkpoint": audit.checkpoint, "verdict": audit.verdict, "pictures": audit.probes}
    clusters = [
        {"pictures like": own.name, "pictures": len(own.pictures), "nearest lost": round(own.neighbours.lost, 3)}
        for own in audit.clusters
    ]
    tables = {"layers": table_of(layers)} | ({"clusters": table_of(clusters)} if clusters else {})
    return {**named, **figures, **tables, "advice": list(audit.advice)}


def _check(audit: "CheckpointAudit") -> dg.AssetCheckResult:
    faults = [finding for finding in audit.findings if finding.verdict != PASS]
    texts = [f"{f.name}{f' at {f.where}' if f.where else ''}: {f.detail}" for f in faults]
    reasons = "; ".join([*texts, *audit.advice]) or "nothing moved far"
    return graded_check(audit.verdict, f"{audit.checkpoint}: {audit.verdict}; {reasons}")
