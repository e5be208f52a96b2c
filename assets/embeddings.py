"""Images and texts become vectors, each once."""

import dagster as dg

from assets.partitions import drops
from resources.admission import admitted_delivery
from resources.cluster import start_ray
from resources.embedding import embed_delivery
from resources.lake import Lake
from resources.measuring import wanted_texts
from resources.progress import Progress
from resources.settings import Settings


@dg.asset(
    deps=["examples", "images", "drops"], partitions_def=drops, group_name="drop", kinds={"ray", "pytorch", "deltalake"}
)
def embeddings(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> dg.MaterializeResult:
    """Unit vectors of the drop's images and of the texts that the audits ask for, by content and encoder."""
    start_ray(num_cpus=settings.ray.num_cpus, object_store_bytes=settings.ray.object_store_mb * 10**6)
    counts = embed_delivery(
        lake,
        admitted_delivery(lake, context.partition_key),
        texts=wanted_texts,
        settings=settings.encoder,
        embedding=settings.embedding,
        progress=progress,
    )
    return dg.MaterializeResult(metadata=counts.metadata())
