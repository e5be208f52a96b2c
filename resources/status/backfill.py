"""What a backfill would do: which drops of the corpus lack which measures under these settings, and what of them is to
be embedded. Counted from the lake's tables; no engine starts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from resources.config.settings import Settings
from resources.intake.corpus_drops import admitted_drops
from resources.lake.tables import Lake
from resources.measuring.examples import wanted_texts
from resources.measuring.recorded import row_audits, unmeasured_drops
from resources.models.embedding import unembedded
from resources.models.encoder_source import encoder_identity


@dataclass(frozen=True, slots=True)
class DropWork:
    """A drop of which something is missing: the audits that have not measured it, whether a gate or a vector is missing
    too, its examples, and how many images and texts are to be embedded."""

    drop: str
    delivery: str
    examples: int
    audits: tuple[str, ...]
    images: int
    texts: int


def backfill_work(
    lake: Lake, settings: Settings, *, first: str = "", last: str = "", only: Collection[str] = ()
) -> list[DropWork]:
    """The drops from `first` to `last` (by name, both included; empty: from the first, to the last) that lack measures
    of the audits in `only` (empty: of any). MissingError for an audit that is none of drops."""
    known = [audit.name for audit in row_audits()]
    if unknown := sorted(set(only) - set(known)):
        corpus = " (it is one of the corpus, which `assay run` makes)" if unknown[0] in all_audits() else ""
        raise MissingError(f"no audit of drops is called {unknown[0]!r}{corpus}; there are {', '.join(known)}")
    encoder = encoder_identity(settings.encoder)
    admitted = admitted_drops(lake)
    missing = unmeasured_drops(lake, settings=settings, encoder=encoder)
    chosen = [drop for drop in missing if drop >= first and (not last or drop <= last)]
    works = [_work(lake, drop, admitted[drop], missing[drop], encoder) for drop in chosen]
    return [work for work in works if not only or set(only) & set(work.audits)]


def _work(lake: Lake, drop: str, delivery: str, missing: Sequence[str], encoder: str) -> DropWork:
    images, texts = 0, 0
    if EMBEDDINGS.name in missing:
        new_images, new_texts = unembedded(lake, delivery, partial(wanted_texts, lake), encoder)
        images, texts = len(new_images), len(new_texts)
    audits = tuple(name.removeprefix("gate of ") for name in missing if name != EMBEDDINGS.name)
    examples = sum(part.rows for part in lake.parts(EXAMPLES, where={"delivery": delivery}))
    return DropWork(drop, delivery, examples, audits, images, texts)
