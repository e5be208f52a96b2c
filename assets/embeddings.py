"""Images and texts become vectors, each once."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import dagster as dg

from assets.checks import by_drop
from assets.lineage import embedded_from
from assets.specs import Materialized, row_count, table_asset
from assets.steps import part
from ops.core.measure_schemas import EMBEDDINGS
from ops.gates.throughput import EmbedRun, SlowEncoderError, slowness
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.examples import wanted_texts
from resources.measuring.recorded import record_embedded

_RUNS_COMPARED = 20
_CHECK = "throughput"
_DESCRIPTION = "Unit vectors of the drop's images and of the texts that the audits ask for, by content and encoder."
_THROUGHPUT = "The encoder is not much slower than in earlier runs (`embedding.slow_share` of assay.yaml)."


def embeddings_asset() -> dg.AssetSpec:
    """The asset of the vectors."""
    return table_asset(
        EMBEDDINGS,
        deps=["examples", "images", "drops"],
        description=_DESCRIPTION,
        group="drop",
        kinds={"ray", "pytorch"},
    )


def throughput_check() -> dg.AssetCheckSpec:
    """The check of how fast a drop's were embedded. The step itself stops there, so that it blocks nothing else."""
    return by_drop(_CHECK, EMBEDDINGS.name, description=_THROUGHPUT, blocking=False)


@partial(part, name=EMBEDDINGS.name)
def embedded(
    context: dg.AssetExecutionContext, drop: str, lake: Lake, settings: Settings, progress: Progress
) -> Iterator[Materialized | dg.AssetCheckResult]:
    """Embeds the drop's last admitted delivery, as far as that is selected. Where the check alone is, the last run that
    embedded is judged. A drop that was embedded too slowly goes no further."""
    key, before = dg.AssetKey(EMBEDDINGS.name), _runs_before(context)
    embeds = key in context.selected_asset_keys
    if embeds:
        made = _embed(admitted_delivery(lake, drop), lake, settings, progress)
        yield dg.MaterializeResult(asset_key=key, metadata=made)
        before.insert(0, _run(made))
    slow = slowness(before[0], before[1:], slow_share=settings.embedding.slow_share) if before else ""
    if dg.AssetCheckKey(key, _CHECK) in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(passed=not slow, asset_key=key, check_name=_CHECK, description=slow or None)
    if embeds and slow:
        raise SlowEncoderError(slow)


def _embed(delivery: str, lake: Lake, settings: Settings, progress: Progress) -> dict[str, Any]:
    from resources.engines.ray import plan_ray  # with Ray, which takes half a second to import
    from resources.models.embedding import embed_delivery

    plan_ray(settings.ray, lake)
    counts = embed_delivery(
        lake,
        delivery,
        texts=partial(wanted_texts, lake),
        settings=settings.encoder,
        embedding=settings.embedding,
        progress=progress,
    )
    record_embedded(lake, delivery, counts.encoder)
    # Figures of a delivery, which a run that finds all done shows as they were; those of new work would fall to 0.
    known = counts.images_known + counts.texts_known
    of_delivery = {
        "delivery": delivery,
        "images": counts.images_new + counts.images_known,
        "texts": counts.texts_new + counts.texts_known,
        "cache_hits": round(known / max(1, known + counts.images_new + counts.texts_new), 4),
    }
    return counts.metadata() | of_delivery | row_count(lake, EMBEDDINGS) | embedded_from()


def _runs_before(context: dg.AssetExecutionContext) -> list[EmbedRun]:
    """The last runs of this instance, whatever drop they embedded."""
    records = context.instance.fetch_materializations(dg.AssetKey(EMBEDDINGS.name), limit=_RUNS_COMPARED).records
    made = [record.asset_materialization for record in records]
    figures = [{name: value.value for name, value in event.metadata.items()} for event in made if event is not None]
    return [_run(metadata) for metadata in figures if all(field.name in metadata for field in fields(EmbedRun))]


def _run(metadata: Mapping[str, Any]) -> EmbedRun:
    return EmbedRun(**{field.name: metadata[field.name] for field in fields(EmbedRun)})
