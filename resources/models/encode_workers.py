"""The workers that embed: tasks that decode images, actors that hold an encoder, and tasks that stage its vectors."""

import os
import pickle
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ops.core.arrow import column_values
from ops.core.errors import UnusableError
from ops.core.identity import text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.parquet_files import row_group
from resources.config.encoder_settings import EncoderSettings
from resources.lake.lookup import by_key
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.models.embedding_work import Work
from resources.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from resources.models.encoder import Encoder

_INPUTS = pa.schema([("modality", pa.string()), ("content_id", pa.string()), ("payload", pa.large_binary())])
_VECTORS = pa.schema([("modality", pa.string()), ("content_id", pa.string()), ("vector", pa.binary())])
_RECEIPTS = pa.schema([("receipt", pa.binary())])


def decode(
    batch: dict[str, np.ndarray], *, lake: Lake, preprocessing: Preprocessing, at_once: int
) -> Iterator[pa.Table]:
    """Runs in a task: pieces of work, each as `decode_piece` does it."""
    for work in batch["item"]:
        yield from decode_piece(work, lake=lake, preprocessing=preprocessing, at_once=at_once)


def decode_piece(work: Work, *, lake: Lake, preprocessing: Preprocessing, at_once: int) -> Iterator[pa.Table]:
    """Pixels of a row group's images, `at_once` at a time; texts as they are."""
    if work.texts:
        yield _inputs([("text", text_id(text), text.encode()) for text in work.texts])
        return
    images = _stored_images(lake, work)
    while rows := [("image", key, _pixels(key, data, preprocessing)) for key, data in islice(images, at_once)]:
        yield _inputs(rows)


def _inputs(rows: list[tuple[str, str, bytes]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(_INPUTS.names, row, strict=True)) for row in rows], schema=_INPUTS)


def _stored_images(lake: Lake, work: Work) -> Iterator[tuple[str, bytes]]:
    filesystem, _ = lake.storage.open()
    wanted = set(work.images)
    with pq.ParquetFile(work.file, filesystem=filesystem) as stored:
        rows = row_group(stored, work.group, ["image_id", "bytes"])
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


class EncodeActor:
    """An encoder of its own, in a process of its own on Ray: `payload` in, `vector` (float16, little-endian) out."""

    def __init__(self, settings: EncoderSettings, threads: int) -> None:
        self.encoder = own_encoder(settings, threads)

    def __call__(self, batch: pa.Table) -> pa.Table:
        is_image = np.array(batch["modality"]) == "image"
        payload = column_values(batch, "payload", bytes)
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


def own_encoder(settings: EncoderSettings, threads: int) -> "Encoder":
    """The encoder of this process, which computes on so many threads. It is loaded once, as long as others are not
    asked for, and until `release_encoder`."""
    # Read when torch is loaded. A thread that waits for others would else spin, on a core that these may want: on a
    # busy machine that took seven times the processor time of the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch  # here: decode workers, and a driver on Ray, need no torch

    torch.set_num_threads(min(threads, os.cpu_count() or 1))
    return _loaded(settings)


def release_encoder() -> None:
    """Gives the memory of this process's encoder back."""
    _loaded.cache_clear()


@lru_cache(maxsize=1)
def _loaded(settings: EncoderSettings) -> "Encoder":
    from resources.models.encoder import load_encoder  # imports torch

    return load_encoder(settings)


def stage_vectors(rows: pa.Table, *, lake: Lake, encoder: str) -> pa.Table:
    """Runs in a task: writes the vectors into the lake's folder; returns receipts of the files."""
    staged: list[StagedFile] = []
    for modality in ("image", "text"):
        chosen = rows.filter(pc.field("modality") == modality)
        if chosen.num_rows:
            chosen = chosen.append_column("encoder", pa.repeat(encoder, chosen.num_rows))
            staged += lake.stage(EMBEDDINGS, by_key(chosen, EMBEDDINGS.key), {"encoder": encoder, "modality": modality})
    return pa.table([pa.array([pickle.dumps(file) for file in staged], pa.binary())], schema=_RECEIPTS)


def read_receipts(batch: pa.Table) -> list[StagedFile]:
    """The files that `stage_vectors` wrote."""
    return [pickle.loads(receipt) for receipt in column_values(batch, "receipt", bytes)]  # noqa: S301 (our workers')
