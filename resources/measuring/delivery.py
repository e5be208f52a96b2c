"""Row- and drop-scope audits over one delivery, on Ray.

examples (batches) + vectors and colours (shared) + bank -> measures_<audit>, partition (delivery, identity)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from ops.audits.benchmark_leaks import BenchmarkLeakSettings
from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.errors import MissingError
from ops.core.identity import fingerprint, text_id
from ops.core.schemas import EMBEDDINGS, EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import NO_LIKELIHOODS, LikelihoodTable
from ops.evidence.picture_table import NO_PICTURES, PictureTable
from ops.evidence.picture_table import READ as PICTURES
from ops.leaks.evaluation_sets import decodable_images
from ops.text.image_turns import statement_texts
from ops.vision.colours import NO_COLOURS, ColourTable
from ops.vision.regions import NO_REGIONS, Phrase, RegionTable
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.gates.outcomes import measures_gates
from resources.intake.admission import admitted_drops
from resources.lake.lookup import among
from resources.lake.tables import Lake, StagedFile
from resources.models.asking import answer_delivery, model_identity
from resources.models.embedding import embed_contents, load_vectors
from resources.models.phrase_regions import locate

_BATCH_ROWS = 8192


@dataclass(frozen=True, slots=True)
class _Shared:
    """What every batch of a delivery is measured against; kept once in Ray's object store."""

    images: Vectors
    texts: Vectors
    bank_images: Vectors
    bank_texts: Vectors
    colours: ColourTable
    pictures: PictureTable
    likelihoods: LikelihoodTable
    regions: RegionTable = NO_REGIONS


def row_audits() -> list[Audit]:
    """The audits that look at one delivery at a time."""
    return audits_of(Scope.ROW, Scope.DROP)


def row_identities(settings: Settings, encoder: str) -> dict[str, str]:
    """Identity of the measures of each row- and drop-scope audit under these settings and this encoder.

    The bank needs no identity of its own: it follows from the delivery, the encoder and its size. A vision-language
    model counts by its files, not by its name.
    """
    context = (encoder, settings.embedding.bank_size)
    found: dict[str, str] = {}
    for audit in row_audits():
        chosen = settings.audit(audit.name)
        models = [model_identity(chosen.vlm, settings.encoder)] if getattr(chosen, "vlm", None) else []
        found[audit.name] = audit.identity(chosen, *(context if audit.uses_vectors else ()), *models)
    return found


def once(delivery: str, identity: str) -> str:
    """Name of the one commit that holds a delivery's measures of that identity."""
    return f"{delivery}/{identity}"


def unmeasured(lake: Lake, delivery: str, identities: Mapping[str, str]) -> list[str]:
    """Names of the audits whose measures of that delivery are not in the lake."""
    audits = all_audits()
    return [name for name, i in identities.items() if not lake.committed(audits[name].table, once(delivery, i))]


def unmeasured_drops(lake: Lake, *, settings: Settings, encoder: str) -> dict[str, list[str]]:
    """The admitted drops that are not embedded, or that some audit has not measured or no gate has judged, under these
    settings, with the names of what is missing."""
    identities = row_identities(settings, encoder)
    admitted = admitted_drops(lake)
    gates = measures_gates(lake, admitted.values(), identities=identities, settings=settings.gates)
    embedded = lake.committed_of(EMBEDDINGS, [_embedded(delivery, encoder) for delivery in admitted.values()])
    measured = {
        name: lake.committed_of(all_audits()[name].table, [once(delivery, i) for delivery in admitted.values()])
        for name, i in identities.items()
    }
    lacking: dict[str, list[str]] = {}
    for drop, delivery in admitted.items():
        missing = [] if _embedded(delivery, encoder) in embedded else [EMBEDDINGS.name]
        missing += [name for name, i in identities.items() if once(delivery, i) not in measured[name]]
        missing += [f"gate of {name}" for name in identities if name not in gates[delivery] and name not in missing]
        if missing:
            lacking[drop] = missing
    return lacking


def require_measures(lake: Lake, delivery: str, identities: Mapping[str, str]) -> None:
    """MissingError where some of these measures of the delivery are not in the lake; says which and what to run."""
    if missing := unmeasured(lake, delivery, identities):
        raise MissingError(
            f"delivery {delivery} is not measured by {', '.join(missing)} under these settings; run `assay run`, or "
            "backfill this partition of the measures"
        )


def wanted_texts(examples: pa.Table, audits: Iterable[Audit] | None = None) -> set[str]:
    """The texts of these examples that some audit, of all or of those given, wants embedded."""
    asked = all_audits().values() if audits is None else audits
    return {text for audit in asked if audit.texts is not None for text in audit.texts(examples)}


def record_embedded(lake: Lake, delivery: str, encoder: str) -> None:
    """Notes that all that the audits want embedded of the delivery is, by this encoder."""
    lake.commit(EMBEDDINGS, [], once=_embedded(delivery, encoder))


def require_embedded(lake: Lake, deliveries: Iterable[str], encoder: str) -> None:
    """MissingError where one of the deliveries is not embedded by this encoder; says which and what to run."""
    wanted = {_embedded(delivery, encoder): delivery for delivery in deliveries}
    missing = wanted.keys() - lake.committed_of(EMBEDDINGS, wanted)
    if missing:
        named = sorted(wanted[name] for name in missing)
        more = f" and {len(named) - 1} more are" if len(named) > 1 else " is"
        raise MissingError(
            f"delivery {named[0]}{more} not embedded by {encoder}, or audits have come to want more of it; run "
            "`assay run`, or backfill this partition of the embeddings"
        )


def _embedded(delivery: str, encoder: str) -> str:
    asked = [(audit.name, audit.revision) for audit in all_audits().values() if audit.texts is not None]
    return f"embedded/{once(delivery, encoder)}/{fingerprint(asked)}"


def measure_delivery(
    lake: Lake, delivery: str, *, names: Sequence[str], settings: Settings, encoder: str, progress: Progress
) -> dict[str, int]:
    """Measures the delivery with the named audits and commits each; returns rows written by audit.

    Audits whose measures are there already are left out. Examples are streamed; the vectors of the delivery are held
    once a machine, two bytes a dimension.
    """
    identities = {name: i for name, i in row_identities(settings, encoder).items() if name in names}
    todo = [all_audits()[name] for name in unmeasured(lake, delivery, identities)]
    if not todo:
        return {}
    _embed_sets(lake, settings=settings, encoder=encoder, needed=todo, progress=progress)
    held = _shared(lake, delivery, settings=settings, encoder=encoder, needed=todo)
    answered = _likelihoods(lake, delivery, settings=settings, needed=todo, progress=progress)
    located = _regions(lake, delivery, held, settings=settings, needed=todo, progress=progress)
    shared = ray.put(replace(held, likelihoods=answered, regions=located))
    staged: dict[str, list[StagedFile]] = {audit.name: [] for audit in todo}
    for audits, batches in _passes(lake, delivery, todo):
        measure = partial(
            _measure_batch,
            lake=lake,
            shared=shared,
            plans=[(a.name, settings.audit(a.name), identities[a.name]) for a in audits],
        )
        label = f"Measure {audits[0].name}" + (f" and {len(audits) - 1} more" if len(audits) > 1 else "")
        for files in ray_map(measure, batches, progress=progress, label=label):
            for name, added in files.items():
                staged[name] += added
    for audit in todo:
        lake.commit(audit.table, staged[audit.name], once=once(delivery, identities[audit.name]))
    return {name: sum(file.rows for file in files) for name, files in staged.items()}


def _passes(lake: Lake, delivery: str, todo: Sequence[Audit]) -> Iterator[tuple[list[Audit], Iterator[pa.Table]]]:
    """Row-scope audits share one streamed pass; those of drop scope need the delivery as a whole."""
    by_row = [audit for audit in todo if audit.scope is Scope.ROW]
    if by_row:
        yield by_row, example_batches(lake, delivery)
    by_drop = [audit for audit in todo if audit.scope is Scope.DROP]
    if by_drop:
        yield by_drop, iter([lake.read(EXAMPLES, where={"delivery": delivery})])


def example_batches(lake: Lake, delivery: str) -> Iterator[pa.Table]:
    """The delivery's examples, a few thousand at a time."""
    for batch in lake.batches(EXAMPLES, where={"delivery": delivery}, batch_rows=_BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def _shared(lake: Lake, delivery: str, *, settings: Settings, encoder: str, needed: Sequence[Audit]) -> _Shared:
    if not any(audit.uses_vectors or audit.uses_colours or audit.uses_pictures for audit in needed):
        none = Vectors.of([], np.zeros((0, 0)))
        return _Shared(none, none, none, none, NO_COLOURS, NO_PICTURES, NO_LIKELIHOODS)
    image_ids: set[str] = set()
    text_ids: set[str] = set()
    statement_ids: set[str] = set()
    for examples in example_batches(lake, delivery):
        image_ids.update(i for ids in examples["image_ids"].to_pylist() for i in ids or [])
        text_ids.update(text_id(text) for text in wanted_texts(examples, _read(settings)))
        statement_ids.update(text_id(text) for text in statement_texts(examples))
    images = load_vectors(lake, encoder, "image", image_ids)
    size = settings.embedding.bank_size
    statements = load_vectors(lake, encoder, "text", statement_ids)
    banks = choose_bank(images, size), choose_bank(statements, size)
    if sets := _sets(settings, needed):
        # Beside the delivery's own; the bank is of the delivery alone.
        known = sets.index()
        images = load_vectors(lake, encoder, "image", image_ids | known.seen.keys())
        text_ids.update(text_id(text) for text in known.texts)
    texts = load_vectors(lake, encoder, "text", text_ids)
    colours = load_colours(lake, image_ids) if any(audit.uses_colours for audit in needed) else NO_COLOURS
    pictures = load_pictures(lake, image_ids) if any(audit.uses_pictures for audit in needed) else NO_PICTURES
    return _Shared(images, texts, *banks, colours, pictures, NO_LIKELIHOODS)


def _read(settings: Settings) -> list[Audit]:
    """The audits whose texts are loaded: what is compared with evaluation sets is not where none is named."""
    return [audit for audit in row_audits() if getattr(settings.audit(audit.name), "sets", True)]


def _sets(settings: Settings, needed: Sequence[Audit]) -> BenchmarkLeakSettings | None:
    """The settings of the audit that compares with evaluation sets, where it is needed and any set is named."""
    chosen = [settings.audit(audit.name) for audit in needed]
    return next((one for one in chosen if isinstance(one, BenchmarkLeakSettings) and one.sets), None)


def _embed_sets(lake: Lake, *, settings: Settings, encoder: str, needed: Sequence[Audit], progress: Progress) -> None:
    """Embeds the images and questions of the evaluation sets, once a set and encoder."""
    sets = _sets(settings, needed)
    if sets is None:
        return
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


def _likelihoods(
    lake: Lake, delivery: str, *, settings: Settings, needed: Sequence[Audit], progress: Progress
) -> LikelihoodTable:
    """What the vision-language model of an audit says of the delivery; nothing where none is set."""
    for audit in needed:
        chosen = settings.audit(audit.name)
        if getattr(chosen, "vlm", None):
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
    lake: Lake, delivery: str, held: _Shared, *, settings: Settings, needed: Sequence[Audit], progress: Progress
) -> RegionTable:
    """The places of the phrases that these audits want found in the delivery's pictures."""
    asked = [audit.phrases for audit in needed if audit.phrases is not None]
    wanted: set[Phrase] = set()
    for examples in example_batches(lake, delivery) if asked else ():
        wanted.update(phrase for phrases in asked for phrase in phrases(examples, held.colours))
    if not wanted:
        return NO_REGIONS
    return locate(lake, wanted, texts=held.texts, encoder=settings.encoder, progress=progress)


def load_colours(lake: Lake, image_ids: Iterable[str]) -> ColourTable:
    """Colours of those of the images that have any; those stored before colours were looked at have none."""
    wanted = set(image_ids)
    ids: list[str] = []
    facts: list[bytes] = []
    for batch in lake.batches(IMAGES, columns=["image_id", "colours"]):
        kept = among(batch.filter(pc.is_valid(batch["colours"])), "image_id", wanted).to_pydict()
        ids += kept["image_id"]
        facts += kept["colours"]
    return ColourTable.of(ids, facts)


def load_pictures(lake: Lake, image_ids: Iterable[str]) -> PictureTable:
    """What ingest found in the pixels of those of the images that the lake has."""
    wanted = set(image_ids)
    found = [among(batch, "image_id", wanted) for batch in lake.batches(IMAGES, columns=PICTURES)]
    return PictureTable.of(pa.Table.from_batches(found)) if found else NO_PICTURES


def _measure_batch(
    examples: pa.Table, *, lake: Lake, shared: Any, plans: Sequence[tuple[str, Any, str]]
) -> dict[str, list[StagedFile]]:
    """Runs in a worker: measures one batch with each audit and stages the rows."""
    held: _Shared = ray.get(shared)
    inputs = RowInputs(examples, *(getattr(held, part.name) for part in fields(_Shared)))
    deliveries = examples["delivery"].unique().to_pylist()
    staged: dict[str, list[StagedFile]] = {}
    for name, settings, identity in plans:
        audit = all_audits()[name]
        rows: pa.Table = audit.measure(inputs, settings)
        if rows.schema != audit.schema:
            raise TypeError(f"audit {name} promised the columns {audit.schema} but measured {rows.schema}")
        rows = rows.append_column("identity", pa.repeat(pa.scalar(identity), len(rows)))
        partition = {"delivery": deliveries[0], "identity": identity} if deliveries else {}
        staged[name] = lake.stage(audit.table, rows, partition) if len(rows) else []
    return staged
