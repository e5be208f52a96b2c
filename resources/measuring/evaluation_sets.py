"""Evaluation sets that deliveries are compared with: which are named, and their embeddings."""

from collections.abc import Sequence
from itertools import chain

from ops.audits.benchmark_leaks import BenchmarkLeakSettings
from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.identity import fingerprint
from ops.core.measure_schemas import EMBEDDINGS
from ops.leaks.evaluation_sets import decodable_images
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.lake.tables import Lake
from resources.models.embedding import embed_contents


def named_sets(settings: Settings, audits: Sequence[Audit]) -> BenchmarkLeakSettings | None:
    """The settings of the audit that compares with evaluation sets; None where it is not among these audits, or no set
    is named."""
    for audit in audits:
        chosen = settings.audit(audit.name)
        if isinstance(chosen, BenchmarkLeakSettings) and chosen.sets:
            return chosen
    return None


def without_set(settings: Settings, audit: Audit) -> bool:
    """Whether it is the audit that compares with evaluation sets, and none is named."""
    chosen = settings.audit(audit.name)
    return isinstance(chosen, BenchmarkLeakSettings) and not chosen.sets


def embed_sets(
    lake: Lake, sets: BenchmarkLeakSettings, *, settings: Settings, encoder: str, progress: Progress
) -> None:
    """Embeds the images and questions of the evaluation sets, once a set and encoder."""
    name = f"sets/{encoder}/{fingerprint(sorted(sets.stamps.values()), all_audits()['benchmark_leaks'].revision)}"
    if lake.committed(EMBEDDINGS, name):
        return
    embed_contents(
        lake,
        chain.from_iterable(decodable_images(path) for _, path in sorted(sets.sets.items())),
        sets.index().texts,
        settings=settings.encoder,
        embedding=settings.embedding,
        progress=progress,
    )
    lake.commit(EMBEDDINGS, [], once=name)
