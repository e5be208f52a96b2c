"""What the audits of a delivery look at beside its rows: vectors and the bank, colours and pixels, a model's answers,
the places of phrases. Read from the lake by workers (gathering.py); what only a model can tell is asked for here, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.arrow import is_valid, rows_where
from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors, joined
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import NO_LIKELIHOODS, LikelihoodTable
from ops.evidence.picture_table import NO_PICTURES, PictureTable
from ops.vision.colours import NO_COLOURS, ColourTable
from ops.vision.regions import EVERYDAY, NO_REGIONS, Phrase, RegionTable, naming
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.engines.ray_types import Reference, get_all, put
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.evaluation_sets import embed_sets, named_sets, without_set
from resources.measuring.examples import example_batches, wanted_box_phrases
from resources.measuring.gathering import NO_VECTORS, Asked, Gathered, Piece, gather, image_columns
from resources.measuring.recorded import row_audits
from resources.models.asking import answer_delivery
from resources.models.phrase_regions import locate
from resources.models.stored_vectors import load_vectors


@dataclass(frozen=True, slots=True)
class Shared:
    """What all parts of a delivery look at: the bank, the vectors of evaluation sets, answers and places."""

    bank_images: Vectors
    bank_texts: Vectors
    set_images: Vectors = NO_VECTORS
    set_texts: Vectors = NO_VECTORS
    likelihoods: LikelihoodTable = NO_LIKELIHOODS
    regions: RegionTable = NO_REGIONS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered for each part, and a reference to what is `Shared`, of which a machine holds one copy."""

    gathered: Gathered
    shared: Reference


def gather_evidence(
    lake: Lake,
    delivery: str,
    parts: Sequence[Part],
    *,
    settings: Settings,
    encoder: str,
    audits: Sequence[Audit],
    finding: Sequence[Audit],
    progress: Progress,
) -> Evidence:
    """What these audits look at beside the delivery's examples, which lie in these parts. Those that are `finding` get
    what only a model can tell, too."""
    sets = named_sets(settings, audits)
    if sets:
        embed_sets(lake, sets, settings=settings, encoder=encoder, progress=progress)
    gathered = gather(lake, parts, _asked(settings, encoder, audits), progress=progress)
    shared = Shared(gathered.bank_images, gathered.bank_texts)
    likelihoods = _likelihoods(lake, delivery, settings=settings, audits=finding, progress=progress)
    phrases = _phrases(lake, parts, gathered, shared, audits=finding, progress=progress)
    index = sets.index() if sets else None
    return Evidence(
        gathered,
        put(
            Shared(
                gathered.bank_images,
                gathered.bank_texts,
                load_vectors(lake, encoder, "image", index.looks_by_image.keys()) if index else NO_VECTORS,
                load_vectors(lake, encoder, "text", map(text_id, index.texts)) if index else NO_VECTORS,
                likelihoods,
                _regions(lake, phrases, settings=settings, encoder=encoder, progress=progress),
            )
        ),
    )


def part_inputs(pieces: Sequence[Piece], shared: Shared) -> RowInputs:
    """Runs in a worker: what audits look at beside the examples that the pieces are of, which are left out."""
    facts = _distinct(pa.concat_tables([piece.facts for piece in pieces])) if pieces else pa.table({})
    coloured = rows_where(facts, is_valid(facts["colours"])).to_pydict() if facts.num_columns else {}
    return RowInputs(
        EXAMPLES.schema.empty_table(),
        joined([*(piece.images for piece in pieces), shared.set_images]),
        joined([*(piece.texts for piece in pieces), shared.set_texts]),
        shared.bank_images,
        shared.bank_texts,
        # Pictures stored before colours were looked at have none.
        colours=ColourTable.of(coloured["image_id"], coloured["colours"]) if coloured else NO_COLOURS,
        pictures=PictureTable.of(facts) if facts.num_columns > 2 else NO_PICTURES,
        likelihoods=shared.likelihoods,
        regions=shared.regions,
    )


def _distinct(facts: pa.Table) -> pa.Table:
    """The rows of `images` with each image once: several parts may show it."""
    if not facts.num_columns:
        return facts
    return facts.take(np.unique(np.array(facts["image_id"].to_pylist(), np.str_), return_index=True)[1])


def _asked(settings: Settings, encoder: str, audits: Sequence[Audit]) -> Asked:
    return Asked(
        encoder if any(audit.uses_vectors for audit in audits) else "",
        # What is compared with evaluation sets is not loaded where none is named.
        tuple(audit.name for audit in row_audits() if not without_set(settings, audit)),
        settings.embedding.bank_size,
        image_columns(
            colours=any(audit.uses_colours for audit in audits), pictures=any(audit.uses_pictures for audit in audits)
        ),
    )


def _likelihoods(
    lake: Lake, delivery: str, *, settings: Settings, audits: Sequence[Audit], progress: Progress
) -> LikelihoodTable:
    """What the vision-language model of an audit says of the delivery; nothing where none is set."""
    for audit in audits:
        chosen = settings.audit(audit.name)
        if audit.uses_likelihoods and chosen.vlm:
            return answer_delivery(
                lake,
                delivery,
                reference=chosen.vlm,
                batch=chosen.vlm_batch,
                encoder=settings.encoder,
                progress=progress,
            )
    return NO_LIKELIHOODS


def _phrases(
    lake: Lake,
    parts: Sequence[Part],
    gathered: Gathered,
    shared: Shared,
    *,
    audits: Sequence[Audit],
    progress: Progress,
) -> set[Phrase]:
    """The phrases that these audits want found in the delivery's pictures."""
    asking = tuple(audit.name for audit in audits if audit.phrases is not None or audit.box_phrases is not None)
    if not asking:
        return set()
    read = partial(_read_phrases, lake=lake, shared=shared, asking=asking)
    jobs = list(zip(parts, gathered.pieces, strict=True))
    return set[Phrase]().union(*ray_map(read, jobs, progress=progress, label="Read what is to be found in pictures"))


def _read_phrases(
    job: tuple[Part, list[Reference]], *, lake: Lake, shared: Shared, asking: Sequence[str]
) -> set[Phrase]:
    """Runs in a worker: the phrases of a part."""
    part, pieces = job
    colours = part_inputs(get_all(pieces), shared).colours
    audits = [all_audits()[name] for name in asking]
    phrases: set[Phrase] = set()
    for examples in example_batches(lake, [part]):
        phrases |= wanted_box_phrases(lake, examples, audits)
        for audit in audits:
            phrases.update(audit.phrases(examples, colours) if audit.phrases else ())
    return phrases


def _regions(lake: Lake, phrases: set[Phrase], *, settings: Settings, encoder: str, progress: Progress) -> RegionTable:
    """The places of the phrases."""
    if not phrases:
        return NO_REGIONS
    texts = {phrase.text for phrase in phrases} | {naming(thing) for thing in EVERYDAY}
    vectors = load_vectors(lake, encoder, "text", map(text_id, texts))
    return locate(lake, phrases, texts=vectors, encoder=settings.encoder, progress=progress)
