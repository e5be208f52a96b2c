"""Images and texts become vectors, each once."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import dagster as dg

from assets.checks import by_drop
from assets.lineage import embedded_from
from assets.partitions import ENGINES, drops
from assets.specs import CODE, Materialized, row_count, table_metadata
from assets.steps import step
from ops.core.measure_schemas import EMBEDDINGS
from ops.gates.throughput import EmbedRun, slowness
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import plan_ray
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.examples import wanted_texts
from resources.measuring.recorded import record_embedded
from resources.models.embedding import embed_delivery

_RUNS_COMPARED = 20
_THROUGHPUT = "The encoder is not much slower than in earlier runs (`embedding.slow_share` of assay.yaml)."


@dg.asset(
    deps=["examples", "images", "drops"],
    partitions_def=drops,
    group_name="drop",
    kinds={"ray", "pytorch", "deltalake"},
    code_version=str(CODE),
    pool=ENGINES,
    metadata=table_metadata(EMBEDDINGS),
    check_specs=[by_drop("throughput", "embeddings", description=_THROUGHPUT)],
)
@step
def embeddings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Materialized:
    """Unit vectors of the drop's images and of the texts that the audits ask for, by content and encoder."""
    plan_ray(settings.ray, lake)
    delivery = admitted_delivery(lake, context.partition_key)
    counts = embed_delivery(
        lake,
        delivery,
        texts=partial(wanted_texts, lake),
        settings=settings.encoder,
        embedding=settings.embedding,
        progress=progress,
    )
    record_embedded(lake, delivery, counts.encoder)
    metadata = counts.metadata()
    # Figures of a delivery, which a run that finds all done shows as they were; those of new work would fall to 0.
    known = counts.images_known + counts.texts_known
    of_delivery = {
        "delivery": delivery,
        "images": counts.images_new + counts.images_known,
        "texts": counts.texts_new + counts.texts_known,
        "cache_hits": round(known / max(1, known + counts.images_new + counts.texts_new), 4),
        **row_count(lake, EMBEDDINGS),
        **embedded_from(),
    }
    problem = slowness(_run(metadata), _runs_before(context), slow_share=settings.embedding.slow_share)
    check = dg.AssetCheckResult(passed=not problem, check_name="throughput", description=problem or None)
    return dg.MaterializeResult(metadata=metadata | of_delivery, check_results=[check])


def _runs_before(context: dg.AssetExecutionContext) -> list[EmbedRun]:
    """The last runs of this instance, whatever drop they embedded."""
    records = context.instance.fetch_materializations(context.asset_key, limit=_RUNS_COMPARED).records
    made = [record.asset_materialization for record in records]
    figures = [{name: value.value for name, value in event.metadata.items()} for event in made if event is not None]
    return [_run(metadata) for metadata in figures if all(field.name in metadata for field in fields(EmbedRun))]


def _run(metadata: Mapping[str, Any]) -> EmbedRun:
    return EmbedRun(**{field.name: metadata[field.name] for field in fields(EmbedRun)})
