"""Embeds what a delivery shows and says, each image and text once, on Ray Data.

row groups of `images`, texts -> decode workers -> encoder actors -> `embeddings`, committed every few thousand rows

Decode workers and encoder actors are processes of their own, so that the encoder never waits while cores are free. One
stream carries both images and texts: an actor's start, which loads the model, is paid once.
"""

# Ray's and Arrow's stubs know neither optional arguments passed on nor that a column has no nulls.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalMemberAccess=false

import os
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from ray.data import ActorPoolStrategy

from ops.core.errors import UnusableError
from ops.core.identity import text_id
from ops.core.schemas import EMBEDDINGS, EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.gates.throughput import TEXTS_AN_IMAGE
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.progress import Progress
from resources.engines.ray import flushed, start_ray
from resources.lake.files import open_storage
from resources.lake.lookup import among
from resources.lake.scratch import Scratch
from resources.lake.stored_images import images_lost
from resources.lake.tables import Lake
from resources.models.encoder_source import encoder_identity, find_source
from resources.models.placement import cluster_room, place_encoder
from resources.models.preprocessing import Preprocessing

#: Rows after which vectors are committed: what a kill costs at most.
FLUSH_ROWS = 4096
#: Work for which one more encoder process repays the seconds that it takes to load.
_IMAGES_AN_ACTOR = 2000
#: Pixels that go from a decode worker to an encoder at once, at most.
_BLOCK_BYTES = 16 << 20
#: Blocks that each encoder gets at least, where there are so many batches: few large ones would leave some idle.
_BLOCKS_AN_ACTOR = 8
#: Images of a row group of a scratch file.
_GROUP_IMAGES = 64
_CONTENTS = pa.schema([("image_id", pa.string()), ("bytes", pa.large_binary())])


@dataclass(frozen=True, slots=True)
class EmbedCounts:
    """What was embedded now (new) and what was known from before, and on which device (`none` where nothing was), so
    that a job that fell back to the CPU is seen; `seconds` include the start of the actors."""

    encoder: str
    device: str
    images_new: int
    images_known: int
    texts_new: int
    texts_known: int
    seconds: float

    def metadata(self) -> dict[str, Any]:
        """Plain values for Dagster."""
        return asdict(self) | {"rows_per_s": round((self.images_new + self.texts_new) / max(self.seconds, 1e-9), 1)}


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be embedded: images by file and row group, or texts."""

    file: str = ""
    group: int = 0
    images: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def embed_delivery(
    lake: Lake,
    delivery: str,
    *,
    texts: Callable[[pa.Table], Iterable[str]],
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> EmbedCounts:
    """Embeds the delivery's images, and the texts that `texts` finds in batches of its examples, unless the lake holds
    them already for this encoder. A run after a crash goes on from the last commit.

    Raises EncoderError where the encoder cannot be had, LookupError where an image is not in the lake.
    """
    encoder = encoder_identity(settings)
    images, said = _wanted(lake, delivery, texts)
    known_images = _known(lake, encoder, "image", images)
    known_texts = _known(lake, encoder, "text", said.keys())
    new_texts = [text for key, text in said.items() if key not in known_texts]
    work = _image_work(lake, images - known_images)
    work += _text_work(new_texts, embedding.text_batch)
    counts = (len(images) - len(known_images), len(known_images), len(new_texts), len(known_texts))
    started, device = time.perf_counter(), "none"
    if work:
        device = _embed(
            lake, encoder, work, total=counts[0] + counts[2], settings=settings, embedding=embedding, progress=progress
        )
    return EmbedCounts(encoder, device, *counts, seconds=round(time.perf_counter() - started, 3))


def embed_contents(
    lake: Lake,
    images: Iterable[tuple[str, bytes]],
    texts: Iterable[str],
    *,
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> None:
    """Embeds images, given by id and bytes, that are not the lake's, and texts, unless the lake holds their vectors.

    The images wait in a scratch file of the lake until their vectors are committed. Raises EncoderError where the
    encoder cannot be had.
    """
    encoder = encoder_identity(settings)
    said = {text_id(text): text for text in texts}
    known = _known(lake, encoder, "text", said.keys())
    scratch = Scratch(lake, f"contents-{uuid4().hex}")
    try:
        groups = _kept(scratch, images)
        new = set(chain.from_iterable(groups))
        new -= _known(lake, encoder, "image", new)
        file = f"{open_storage(lake.root, lake.storage_options)[1]}/.scratch/{scratch.name}/images.parquet"
        here = [(at, tuple(one for one in ids if one in new)) for at, ids in enumerate(groups)]
        work = [_Work(file=file, group=at, images=ids) for at, ids in here if ids]
        unsaid = [text for key, text in sorted(said.items()) if key not in known]
        work += _text_work(unsaid, embedding.text_batch)
        if work:
            total = len(new) + len(unsaid)
            _embed(lake, encoder, work, total=total, settings=settings, embedding=embedding, progress=progress)
    finally:
        scratch.remove()


def _kept(scratch: Scratch, images: Iterable[tuple[str, bytes]]) -> list[tuple[str, ...]]:
    """Writes the images to the scratch file `images`, a few at a time; returns the ids of each row group."""
    groups: list[tuple[str, ...]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        left = iter(images)
        while rows := list(islice(left, _GROUP_IMAGES)):
            ids, data = zip(*rows, strict=True)
            groups.append(ids)
            yield pa.record_batch([pa.array(ids, pa.string()), pa.array(data, pa.large_binary())], schema=_CONTENTS)

    scratch.write_table("images", batches(), _CONTENTS)
    return groups


def load_vectors(lake: Lake, encoder: str, modality: str, ids: Iterable[str]) -> Vectors:
    """Vectors of those of the ids that are embedded. Streams the table; holds the wanted vectors alone."""
    wanted = set(ids)
    found: list[str] = []
    parts: list[np.ndarray] = []
    for batch in _embedded(lake, encoder, modality, ["content_id", "vector"]):
        kept = among(batch, "content_id", wanted)
        if kept.num_rows:
            found += kept["content_id"].to_pylist()
            data = b"".join(kept["vector"].to_pylist())
            parts.append(np.frombuffer(data, "<f2").reshape(kept.num_rows, -1))
    return Vectors.of(found, np.concatenate(parts) if parts else np.zeros((0, 0), np.float16))


def _embedded(lake: Lake, encoder: str, modality: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    yield from lake.batches(EMBEDDINGS, where={"encoder": encoder, "modality": modality}, columns=columns)


def _wanted(lake: Lake, delivery: str, texts: Callable[[pa.Table], Iterable[str]]) -> tuple[set[str], dict[str, str]]:
    """Ids of the delivery's images, and the texts asked for by their ids."""
    images: set[str] = set()
    said: dict[str, str] = {}
    for batch in lake.batches(EXAMPLES, where={"delivery": delivery}, batch_rows=8192):
        examples = pa.Table.from_batches([batch])
        images.update(image for image in pc.list_flatten(batch["image_ids"]).to_pylist() if image)
        said.update((text_id(text), text) for text in texts(examples))
    return images, said


def _known(lake: Lake, encoder: str, modality: str, wanted: AbstractSet[str]) -> set[str]:
    known: set[str] = set()
    for batch in _embedded(lake, encoder, modality, ["content_id"]):
        known.update(wanted & set(batch["content_id"].to_pylist()))
    return known


def _image_work(lake: Lake, missing: set[str]) -> list[_Work]:
    """Which row groups hold the images; reads no image."""
    if not missing:
        return []
    filesystem, base = open_storage(lake.root, lake.storage_options)
    work: list[_Work] = []
    left = set(missing)
    for address in lake.files(IMAGES):
        path = base + address.removeprefix(lake.root)
        with pq.ParquetFile(path, filesystem=filesystem) as stored:
            for group in range(stored.num_row_groups):
                ids = stored.read_row_group(group, columns=["image_id"])["image_id"].to_pylist()
                here = tuple(i for i in ids if i in left)
                left.difference_update(here)
                if here:
                    work.append(_Work(file=path, group=group, images=here))
    if left:
        raise images_lost(left)
    return work


def _text_work(texts: list[str], batch: int) -> list[_Work]:
    # By length, so that a batch holds texts of like length and little of it is padding.
    ordered = sorted(texts, key=len)
    return [_Work(texts=tuple(ordered[at : at + batch])) for at in range(0, len(ordered), batch)]


def _embed(
    lake: Lake,
    encoder: str,
    work: list[_Work],
    *,
    total: int,
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> str:
    """Embeds the work and stores the vectors; returns the device."""
    start_ray()
    room, placed = cluster_room(), place_encoder(settings)
    weight = sum(len(one.images) + len(one.texts) / TEXTS_AN_IMAGE for one in work)
    actors = placed.most if placed.on_gpu else max(1, min(placed.most, round(weight / _IMAGES_AN_ACTOR)))
    # Never for as much as a decode task: Ray would make one operator of the two and decode in the actors.
    needs = placed.needs or {"num_cpus": room.encoder_share(actors)}
    preprocessing = find_source(settings).preprocessing
    rows = ray.data.from_items(work, override_num_blocks=min(len(work), 4 * room.whole))
    # Ray joins blocks until they have 128 MB, some 900 images: the encoder would wait for the first and finish the last
    # alone.
    image_bytes = 3 * preprocessing.height * preprocessing.width
    share = sum(len(one.images) for one in work) * image_bytes // (_BLOCKS_AN_ACTOR * actors)
    rows.context.target_max_block_size = min(_BLOCK_BYTES, max(share, embedding.image_batch * image_bytes))
    pixels = rows.map_batches(
        partial(_decode, lake=lake, preprocessing=preprocessing, at_once=embedding.image_batch),
        batch_size=1,
        batch_format="numpy",
        num_cpus=room.decode_share,
    )
    vectors = pixels.map_batches(
        _EncodeActor,
        fn_constructor_args=(placed.settings, room.threads(actors)),
        compute=ActorPoolStrategy(size=actors),
        batch_size=max(embedding.image_batch, embedding.text_batch),
        batch_format="pyarrow",
        **needs,
    )
    for found in flushed(vectors, every=FLUSH_ROWS, progress=progress, label="Embed images and texts", total=total):
        _store(lake, encoder, found)
    return placed.settings.device


def _store(lake: Lake, encoder: str, rows: pa.Table) -> None:
    for modality in ("image", "text"):
        chosen = rows.filter(pc.equal(rows["modality"], modality))
        if chosen.num_rows:
            chosen = chosen.append_column("encoder", pa.repeat(encoder, chosen.num_rows))
            staged = lake.stage(EMBEDDINGS, chosen, {"encoder": encoder, "modality": modality})
            lake.commit_new(EMBEDDINGS, staged, key="content_id")


_INPUTS = pa.schema([("modality", pa.string()), ("content_id", pa.string()), ("payload", pa.large_binary())])
_VECTORS = pa.schema([("modality", pa.string()), ("content_id", pa.string()), ("vector", pa.binary())])


def _decode(
    batch: dict[str, np.ndarray], *, lake: Lake, preprocessing: Preprocessing, at_once: int
) -> Iterator[pa.Table]:
    """Runs in a task: pixels of a row group's images, `at_once` at a time; texts as they are."""
    for work in batch["item"]:
        if work.texts:
            rows = [("text", text_id(text), text.encode()) for text in work.texts]
            yield _inputs(rows)
            continue
        images = _stored_images(lake, work)
        while rows := [("image", key, _pixels(key, data, preprocessing)) for key, data in islice(images, at_once)]:
            yield _inputs(rows)


def _inputs(rows: list[tuple[str, str, bytes]]) -> pa.Table:
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), _INPUTS, strict=True)], schema=_INPUTS
    )


def _stored_images(lake: Lake, work: _Work) -> Iterator[tuple[str, bytes]]:
    filesystem, _ = open_storage(lake.root, lake.storage_options)
    wanted = set(work.images)
    with pq.ParquetFile(work.file, filesystem=filesystem) as stored:
        rows = stored.read_row_group(work.group, columns=["image_id", "bytes"])
    for key, data in zip(rows["image_id"], rows["bytes"], strict=True):
        if key.as_py() in wanted:
            yield key.as_py(), data.as_py()


def _pixels(key: str, data: bytes, preprocessing: Preprocessing) -> bytes:
    try:
        return preprocessing.file_pixels(data).tobytes()
    except (OSError, ValueError) as error:
        raise UnusableError(
            f"image {key}: {len(data)} bytes that ingest could decode and this run cannot: {error}"
        ) from None


class _EncodeActor:
    """An encoder of its own in a process of its own."""

    def __init__(self, settings: EncoderSettings, threads: int) -> None:
        # Imported here: the driver and the decode workers need no torch.
        import torch

        from resources.models.encoder import load_encoder

        torch.set_num_threads(min(threads, os.cpu_count() or 1))
        self.encoder = load_encoder(settings)

    def __call__(self, batch: pa.Table) -> pa.Table:
        is_image = np.array(batch["modality"]) == "image"
        payload = batch["payload"].to_pylist()
        vectors = np.zeros((len(payload), self.encoder.dim), "<f2")
        prepared = self.encoder.preprocessing
        images = [np.frombuffer(payload[at], np.uint8) for at in np.flatnonzero(is_image)]
        if images:
            pixels = np.stack(images).reshape(-1, prepared.height, prepared.width, 3)
            vectors[is_image] = self.encoder.encode_pixels(pixels)
        texts = [payload[at].decode() for at in np.flatnonzero(~is_image)]
        vectors[~is_image] = self.encoder.encode_texts(texts)
        columns = [batch["modality"], batch["content_id"], pa.array([row.tobytes() for row in vectors], pa.binary())]
        return pa.table(columns, schema=_VECTORS)
