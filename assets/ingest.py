"""A drop becomes rows: examples, images, preferences, prompts and quarantine; then it is admitted or rejected."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from assets.checks import by_drop, check_result, table_of
from assets.lineage import ingested_from
from assets.metrics import tell_metrics
from assets.partitions import ENGINES, drops
from assets.specs import Materialized, row_count, table_asset
from assets.steps import step
from ops.core.schemas import DROPS, QUARANTINE
from ops.core.tables import TABLES
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.gates.history import earlier_ingests
from resources.intake.admission import admit, drop_source
from resources.lake.tables import Lake

_SAMPLES = 10
_GATE = "Every row is kept or set aside with a reason, and no more are set aside than `gates.quarantine_limit` allows."
_DESCRIPTIONS = {
    "examples": "One row an example: its messages, the images it shows, and where it came from.",
    "images": "One row an image, by content, whatever drop it came in.",
    "turns": "One row an answer of SFT, with the keys that audits of the corpus join by.",
    "dialogues": "One row an example: the key of all that it shows and says.",
    "preferences": "One row a judgement: a response to a query about images, called good or bad, chosen or rejected.",
    "prompts": "One row a prompt of RL: what is asked about which images, its ground truth, and its rollouts.",
    "boxes": "One row a box of an example: where it is in its image, in pixels, and how that was told.",
    "quarantine": "One row a raw row that could not be read, with the reason and the row itself.",
}


def _set_aside(lake: Lake, delivery: str) -> dg.TableMetadataValue:
    """The first rows of the delivery that could not be used, and why."""
    columns = ["file", "row", "reason", "detail"]
    batches = lake.batches(QUARANTINE, where={"delivery": delivery}, columns=columns, batch_rows=_SAMPLES)
    first = next((batch for batch in batches if batch.num_rows), None)
    return table_of([] if first is None else first.slice(0, _SAMPLES).to_pylist())


class DropConfig(dg.Config):
    """Where the partition's drop lies."""

    path: str = Field(
        "", description="Folder or URL. Empty: where it was read last, or the watched folder's entry of that name."
    )
    unchanged: str = Field(
        "",
        description="Name of a delivery of an older reading: the files are read only where they are still its. "
        "Empty: in any case.",
    )


@dg.multi_asset(
    name="ingest",
    pool=ENGINES,
    specs=[
        table_asset(TABLES[name], description=text, group="drop", kinds={"ray"}) for name, text in _DESCRIPTIONS.items()
    ],
    partitions_def=drops,
)
@step
def ingested(
    context: dg.AssetExecutionContext,
    config: DropConfig,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Materialized]:
    """Reads the drop's files on Ray; a delivery that is in the lake already is left as it is."""
    from resources.engines.ray import plan_ray  # with Ray, which takes half a second to import
    from resources.intake.ingest import alarm, ingest

    drop = context.partition_key
    source = config.path or drop_source(lake, drop, watched=settings.ingest.watched)
    plan_ray(settings.ray, lake)
    delivery = ingest(lake, source, drop, settings=settings.ingest, progress=progress, unchanged=config.unchanged)
    metadata = {
        "delivery": delivery.delivery,
        "rows in": delivery.rows_in,
        "rows kept": delivery.rows_kept,
        "rows quarantined": delivery.rows_quarantined,
        "read now": delivery.fresh,
    }
    if fault := alarm(lake, delivery.delivery):
        metadata["alarm"] = fault
        context.log.error(fault)
    context.instance.add_run_tags(context.run.run_id, {"assay/delivery": delivery.delivery})
    lineage = ingested_from()
    for table in _DESCRIPTIONS:
        made = metadata | row_count(lake, TABLES[table], delivery.delivery) | lineage.get(table, {})
        yield dg.MaterializeResult(asset_key=table, metadata=made)


@dg.multi_asset(
    name="drops",
    specs=[
        table_asset(
            DROPS,
            deps=list(_DESCRIPTIONS),
            group="drop",
            kinds={"greatexpectations"},
            description="The log of deliveries: which arrived, and were admitted to the corpus, rejected or withdrawn.",
            skippable=True,
        )
    ],
    partitions_def=drops,
    # Not blocking: a step that fails would show every later asset of the drop as failed, though none was tried.
    check_specs=[by_drop("ingest_gate", "drops", description=_GATE, blocking=False)],
)
@step
def admitted(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
) -> Iterator[Materialized | dg.AssetCheckResult]:
    """Admits the drop's last delivery, or rejects it with the figures that failed; both are recorded.

    A rejected drop is not materialised, its check fails, and what comes after it is skipped. Corpus assets read
    admitted deliveries only: the failed check alone would not keep the rows from the next version.
    """
    delivery, gate = admit(lake, context.partition_key, settings=settings.gates)
    samples = {} if gate.success else {"ten rows set aside": _set_aside(lake, delivery)}
    earlier = earlier_ingests(lake, delivery)
    tell_metrics(context, lake, settings)
    yield check_result(gate, asset="drops", check="ingest_gate", samples=samples, earlier=earlier)
    if gate.success:
        yield dg.MaterializeResult(asset_key="drops", metadata={"delivery": delivery, "state": "admitted"})
        return
    context.log.error(gate.message)
    # The run itself did what it should; the list of runs says what came of it.
    context.instance.add_run_tags(context.run.run_id, {"assay/rejected": delivery})
