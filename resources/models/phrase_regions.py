"""Finds the places of phrases in a delivery's pictures, each once, on Ray.

examples -> phrases not yet looked for -> encoder actors -> `regions`, committed every few hundred places
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset

from ops.core.arrow import is_valid, rows_where
from ops.core.identity import text_id
from ops.core.measure_schemas import REGIONS
from ops.core.vectors import Vectors
from ops.intake.image_checks import decode_rgb
from ops.vision.regions import EVERYDAY, Phrase, RegionTable, StoredRegion, found_regions, naming
from resources.config.encoder_settings import EncoderSettings
from resources.engines.progress import Progress
from resources.engines.ray import flushed, start_ray_for
from resources.engines.ray_types import Reference, dataset_of, get, made_tables, map_batches, put
from resources.engines.stalls import patiently
from resources.lake.lookup import one_each
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from resources.models.encode_workers import own_encoder
from resources.models.encoder_source import encoder_identity
from resources.models.placement import IMAGES_IN_PROCESS, cluster_room, place_encoder, place_in_process

#: Places after which they are committed: what a kill costs at most.
FLUSH_ROWS = 512
#: Phrases that an actor takes at once. Each time it reads the ids of the lake's images to find theirs, so that many at
#: once are better; few leave no core idle at the end.
_FEWEST_AT_ONCE, _MOST_AT_ONCE = 32, 2048
#: Part of the finder's name: raised when the same vectors would give other places or colours.
_REVISION = 1


@dataclass(frozen=True, slots=True)
class _Work:
    """Phrases whose pictures are opened together."""

    phrases: tuple[Phrase, ...]


def locate(
    lake: Lake, phrases: Iterable[Phrase], *, texts: Vectors, encoder: EncoderSettings, progress: Progress
) -> RegionTable:
    """The places of the phrases as this encoder sees them; looks only for those that are not in the lake. Phrases
    whose texts have no vector are left out, and an encoder without vectors of cells finds none."""
    finder = f"{encoder_identity(encoder)}-{_REVISION}"
    wanted = {phrase.key: phrase for phrase in phrases}
    known = set(_stored(lake, finder, wanted).to_pydict()["key"])
    missing = [phrase for key, phrase in wanted.items() if key not in known]
    embedded = texts.positions([text_id(phrase.text) for phrase in missing]) >= 0
    # By pictures, so that each is opened by one actor, once.
    todo = sorted(
        (phrase for phrase, has_vector in zip(missing, embedded, strict=True) if has_vector),
        key=lambda phrase: (phrase.image_id, phrase.thing),
    )
    if todo:
        _look(lake, finder, todo, texts=texts, encoder=encoder, progress=progress)
    rows = _stored(lake, finder, wanted)
    rows = rows_where(rows, is_valid(rows["box"])).to_pydict()
    figures = list(zip(rows["similarity"], rows["fit"], rows["margin"], strict=True))
    return RegionTable.of(rows["key"], rows["box"], figures, rows["colours"])


def _stored(lake: Lake, finder: str, wanted: dict[str, Phrase]) -> pa.Table:
    return one_each(lake.read(REGIONS, where={"finder": finder, "key": list(wanted)}), "key")


def _look(
    lake: Lake, finder: str, phrases: list[Phrase], *, texts: Vectors, encoder: EncoderSettings, progress: Progress
) -> None:
    if start_ray_for(len({phrase.image_id for phrase in phrases}), most=IMAGES_IN_PROCESS):
        places = patiently(made_tables(_places(lake, phrases, texts=texts, encoder=encoder)))
    else:
        own = _RegionActor(lake, place_in_process(encoder).settings, put(texts), os.cpu_count() or 1)
        places = own.places(phrases)
    label = "Find what claims speak of"
    for rows in flushed(places, every=FLUSH_ROWS, progress=progress, label=label, total=len(phrases)):
        named = rows.append_column("finder", pa.repeat(pa.scalar(finder), rows.num_rows))
        staged = lake.stage(REGIONS, named.select(REGIONS.schema.names), {"finder": finder})
        lake.append(REGIONS, staged)


def _places(lake: Lake, phrases: list[Phrase], *, texts: Vectors, encoder: EncoderSettings) -> Dataset:
    """The places of the phrases, by actors."""
    room, placed = cluster_room(), place_encoder(encoder)
    at_once = min(max(len(phrases) // (4 * room.whole), _FEWEST_AT_ONCE), _MOST_AT_ONCE)
    work = [_Work(tuple(phrases[at : at + at_once])) for at in range(0, len(phrases), at_once)]
    actors = placed.most if placed.on_gpu else min(placed.most, len(work))
    return map_batches(
        dataset_of(work),
        _RegionActor,
        fn_constructor_args=(lake, placed.settings, put(texts), room.threads(actors)),
        compute=ActorPoolStrategy(size=actors),
        batch_size=1,
        batch_format="numpy",
        **(placed.needs or {"num_cpus": min(1.0, room.least)}),
    )


class _RegionActor:
    """An encoder of its own, in a process of its own on Ray."""

    def __init__(self, lake: Lake, settings: EncoderSettings, texts: Reference, threads: int) -> None:
        self.lake = lake
        self.encoder = own_encoder(settings, threads)
        self.texts: Vectors = get(texts)
        self.everyday, known = self.texts.gather([text_id(naming(thing)) for thing in EVERYDAY])
        if not known.all():
            raise LookupError("an audit wants phrases located without wanting ops.vision.regions.EVERYDAY embedded")

    def __call__(self, work: dict[str, np.ndarray]) -> Iterator[pa.Table]:
        for piece in work["item"]:
            yield from self.places(piece.phrases)

    def places(self, phrases: Iterable[Phrase]) -> Iterator[pa.Table]:
        """The places of the phrases, picture by picture."""
        sought: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            sought.setdefault(phrase.image_id, []).append(phrase)
        for image, data in stored_images(self.lake, sought):
            yield self._places(data, sought[image])

    def _places(self, data: bytes, phrases: list[Phrase]) -> pa.Table:
        picture = decode_rgb(data)
        cells = self.encoder.encode_patches([picture])
        vectors, _ = self.texts.gather([text_id(phrase.text) for phrase in phrases])
        regions = [None] * len(phrases) if cells is None else found_regions(picture, cells[0], vectors, self.everyday)
        return pa.Table.from_pylist([_row(*pair) for pair in zip(phrases, regions, strict=True)], schema=_PLACES)


_PLACES = REGIONS.schema.remove(REGIONS.schema.get_field_index("finder"))


def _row(phrase: Phrase, region: StoredRegion | None) -> dict[str, object]:
    row: dict[str, object] = {"key": phrase.key, "image_id": phrase.image_id, "text_id": text_id(phrase.text)}
    if region:
        row |= {"box": region.box, "similarity": region.similarity, "fit": region.fit, "margin": region.margin}
        row["colours"] = region.colours
    return row
