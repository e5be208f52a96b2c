"""Ingest in a process of its own, whose Ray and its workers have the environment of the one that calls."""

from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.engines.ray import start_ray
from resources.intake.ingest import ingest
from resources.lake.tables import Lake


def ingested(lake: str, source: str, times: int) -> list[tuple[int, int, bool]]:
    """Rows kept and quarantined, and whether the delivery was new, each time that the drop was read."""
    start_ray(num_cpus=2, object_store_bytes=300_000_000)
    read = [
        ingest(Lake(lake), source, "flowers", settings=IngestSettings(), progress=SilentProgress())
        for _ in range(times)
    ]
    return [(delivery.rows_kept, delivery.rows_quarantined, delivery.fresh) for delivery in read]
