"""What the audits of a delivery look at beside its rows: vectors and the bank, colours and pixels, a model's answers,
the places of phrases. Read from the lake; what only a model can tell is asked for here, once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.identity import text_id
from ops.core.schemas import BOXES, EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import NO_LIKELIHOODS, LikelihoodTable
from ops.evidence.picture_table import NO_PICTURES, PictureTable
from ops.evidence.picture_table import READ as PICTURE_COLUMNS
from ops.text.image_turns import statement_texts
from ops.vision.colours import NO_COLOURS, ColourTable
from ops.vision.regions import NO_REGIONS, Phrase, RegionTable
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.lake.lookup import among
from resources.lake.tables import Lake
from resources.measuring.evaluation_sets import embed_sets, named_sets, without_set
from resources.measuring.recorded import row_audits
from resources.models.asking import answer_delivery
from resources.models.phrase_regions import locate
from resources.models.stored_vectors import load_vectors

_BATCH_ROWS = 8192


def example_batches(lake: Lake, delivery: str) -> Iterator[pa.Table]:
    """The delivery's examples, a few thousand at a time."""
    for batch in lake.batches(EXAMPLES, where={"delivery": delivery}, batch_rows=_BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def wanted_texts(examples: pa.Table, audits: Iterable[Audit] | None = None) -> set[str]:
    """The texts of these examples that some audit, of all or of those given, wants embedded."""
    asking = all_audits().values() if audits is None else audits
    return {text for audit in asking if audit.texts is not None for text in audit.texts(examples)}


def gather_evidence(
    lake: Lake, delivery: str, *, settings: Settings, encoder: str, audits: Sequence[Audit], progress: Progress
) -> RowInputs:
    """What these audits look at beside the delivery's examples, which are left out: a batch of them takes their place.

    Vectors are held once a machine, two bytes a dimension."""
    evidence = _stored_evidence(lake, delivery, settings=settings, encoder=encoder, audits=audits, progress=progress)
    return replace(
        evidence,
        likelihoods=_likelihoods(lake, delivery, settings=settings, audits=audits, progress=progress),
        boxes=load_boxes(lake, delivery) if any(audit.uses_boxes for audit in audits) else evidence.boxes,
        regions=_regions(lake, delivery, evidence, settings=settings, audits=audits, progress=progress),
    )


def _stored_evidence(
    lake: Lake, delivery: str, *, settings: Settings, encoder: str, audits: Sequence[Audit], progress: Progress
) -> RowInputs:
    nothing = EXAMPLES.schema.empty_table()
    sets = named_sets(settings, audits)
    if sets:
        embed_sets(lake, sets, settings=settings, encoder=encoder, progress=progress)
    if not any(audit.uses_vectors or audit.uses_colours or audit.uses_pictures for audit in audits):
        none = Vectors.of([], np.zeros((0, 0)))
        return RowInputs(nothing, none, none, none, none)
    image_ids, text_ids, statement_ids = _contents(lake, delivery, settings)
    images = load_vectors(lake, encoder, "image", image_ids)
    bank_size = settings.embedding.bank_size
    bank_images = choose_bank(images, bank_size)
    bank_texts = choose_bank(load_vectors(lake, encoder, "text", statement_ids), bank_size)
    if sets:
        # Beside the delivery's own; the bank is of the delivery alone.
        index = sets.index()
        images = load_vectors(lake, encoder, "image", image_ids | index.seen.keys())
        text_ids.update(text_id(text) for text in index.texts)
    return RowInputs(
        nothing,
        images,
        load_vectors(lake, encoder, "text", text_ids),
        bank_images,
        bank_texts,
        colours=load_colours(lake, image_ids) if any(audit.uses_colours for audit in audits) else NO_COLOURS,
        pictures=load_pictures(lake, image_ids) if any(audit.uses_pictures for audit in audits) else NO_PICTURES,
    )


def _contents(lake: Lake, delivery: str, settings: Settings) -> tuple[set[str], set[str], set[str]]:
    """Ids of the delivery's images, of its texts that are to be loaded, and of those among them that are statements."""
    # What is compared with evaluation sets is not loaded where none is named.
    reading = [audit for audit in row_audits() if not without_set(settings, audit)]
    image_ids: set[str] = set()
    text_ids: set[str] = set()
    statement_ids: set[str] = set()
    for examples in example_batches(lake, delivery):
        image_ids.update(i for ids in examples["image_ids"].to_pylist() for i in ids or [])
        text_ids.update(text_id(text) for text in wanted_texts(examples, reading))
        statement_ids.update(text_id(text) for text in statement_texts(examples))
    return image_ids, text_ids, statement_ids


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


def _regions(
    lake: Lake,
    delivery: str,
    evidence: RowInputs,
    *,
    settings: Settings,
    audits: Sequence[Audit],
    progress: Progress,
) -> RegionTable:
    """The places of the phrases that these audits want found in the delivery's pictures."""
    asking = [audit.phrases for audit in audits if audit.phrases is not None]
    wanted: set[Phrase] = set()
    for examples in example_batches(lake, delivery) if asking else ():
        wanted.update(phrase for phrases in asking for phrase in phrases(examples, evidence.colours))
    if not wanted:
        return NO_REGIONS
    return locate(lake, wanted, texts=evidence.texts, encoder=settings.encoder, progress=progress)


def load_boxes(lake: Lake, delivery: str) -> pa.Table:
    """The boxes of the delivery; those of a reading before boxes were read have none."""
    return lake.read(BOXES, where={"delivery": delivery})


def load_colours(lake: Lake, image_ids: Iterable[str]) -> ColourTable:
    """Colours of those of the images that have any; those stored before colours were looked at have none."""
    wanted = set(image_ids)
    ids: list[str] = []
    facts: list[bytes] = []
    for batch in lake.batches(IMAGES, columns=["image_id", "colours"]):
        coloured = among(batch.filter(pc.is_valid(batch["colours"])), "image_id", wanted).to_pydict()
        ids += coloured["image_id"]
        facts += coloured["colours"]
    return ColourTable.of(ids, facts)


def load_pictures(lake: Lake, image_ids: Iterable[str]) -> PictureTable:
    """What ingest found in the pixels of those of the images that the lake has."""
    wanted = set(image_ids)
    batches = [among(batch, "image_id", wanted) for batch in lake.batches(IMAGES, columns=PICTURE_COLUMNS)]
    return PictureTable.of(pa.Table.from_batches(batches)) if batches else NO_PICTURES
