"""The pictures of a version as files, each named by its content and checked against that name."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.arrow import as_large
from ops.core.schemas import EXAMPLES, IMAGES
from ops.exports.contract import PICTURE_ENDINGS, ExportError, Picture
from resources.engines.progress import Progress
from resources.export.spool import Routes, row_numbers, unique
from resources.lake.lookup import KeyIndex
from resources.lake.tables import Lake

FEW_PICTURES = 4096
"""Up to so many pictures are looked up by their ids; for more, the whole table is read once."""
_ID = re.compile(r"[0-9a-f]{64}")


class PictureEndings:
    """The pictures that a version shows, with the ending of each one's file name."""

    def __init__(self, ids: pa.Array, endings: pa.Array) -> None:
        self._ids, self._endings, self._index = ids, endings, KeyIndex(ids)

    def __len__(self) -> int:
        return len(self._ids)

    def pictures(self, folder: Path) -> Iterable[Picture]:
        """Each picture, as it lies below the folder."""
        pairs: Any = zip(self._ids.to_pylist(), self._endings.to_pylist(), strict=True)
        return (Picture(image_id, ending, folder) for image_id, ending in pairs)

    def append_to(self, rows: pa.Table) -> pa.Table:
        """The rows with a column `endings` beside `image_ids`."""
        ids = rows["image_ids"].combine_chunks()
        lengths: Any = pc.list_value_length(ids)
        values = self._endings.take(pa.array(self._index.positions(pc.list_flatten(ids)), pa.int64()))
        offsets: Any = pa.array(np.concatenate([[0], np.cumsum(lengths.fill_null(0).to_numpy())]).astype(np.int32))
        return rows.append_column("endings", pa.ListArray.from_arrays(offsets, values))


def pictures_of(lake: Lake, where: Mapping[str, object], routes: Routes) -> PictureEndings:
    """The pictures that the routed examples show. Raises ExportError where examples or pictures are not in the lake, or
    an id is no hash: ids name files."""
    ids = _picture_ids(lake, where, routes)
    malformed = [image_id for image_id in ids.to_pylist() if not _ID.fullmatch(str(image_id))]
    if malformed:
        raise ExportError(f"{malformed[0]!r:.80} is no image id: ids are 64 hex digits, for they name files")
    index = KeyIndex(ids)
    endings: list[str | None] = [None] * len(ids)
    for batch in lake.batches(IMAGES, where={"image_id": ids}, columns=["image_id", "format"]):
        positions = index.positions(batch.column("image_id")).tolist()
        for position, name in zip(positions, batch.column("format").to_pylist(), strict=True):
            if position >= 0:
                endings[position] = PICTURE_ENDINGS.get((name or "").upper(), "img")
    missing = [ids[position].as_py() for position, ending in enumerate(endings) if ending is None]
    if missing:
        raise ExportError(
            f"{len(missing)} pictures of the version are not in the lake's `images`, such as {missing[0]}"
        )
    return PictureEndings(ids, pa.array(endings, pa.string()))


def write_pictures(lake: Lake, pictures: Iterable[Picture], progress: Progress) -> None:
    """Write those pictures that are not yet in their folder, each whole or not at all. Raises ExportError where one has
    left the lake or has other bytes than its name says."""
    waiting = {p.image_id: path for p in pictures if not (path := p.folder / p.name).exists()}
    where = {"image_id": list(waiting)} if len(waiting) <= FEW_PICTURES else None
    for path in {path.parent for path in waiting.values()}:
        path.mkdir(parents=True, exist_ok=True)
    with progress.track("Write pictures", len(waiting)) as advance:
        if not waiting:
            return
        for batch in lake.batches(IMAGES, where=where, columns=["image_id", "bytes"], batch_rows=64):
            contents: Any = zip(batch.column("image_id").to_pylist(), batch.column("bytes"), strict=True)
            for image_id, data in contents:
                if path := waiting.pop(image_id, None):
                    _write_picture(path, image_id, data.as_buffer())
                    advance(1)
    if waiting:
        raise ExportError(
            f"{len(waiting)} pictures of the version went from the lake's `images` meanwhile, such as {min(waiting)}"
        )


def _picture_ids(lake: Lake, where: Mapping[str, object], routes: Routes) -> pa.Array:
    """Ids of the pictures that the examples show, each once, sorted. Raises ExportError where examples are missing."""
    examples = 0
    ids: list[pa.Array] = [pa.array([], pa.string())]
    for batch in lake.batches(EXAMPLES, where=where, columns=["example_id", "image_ids"]):
        rows, _ = routes.select(batch)
        examples += len(rows)
        ids.append(pc.list_flatten(batch.column("image_ids").take(row_numbers(rows))).unique())
    if examples != len(routes.ids):
        raise ExportError(f"the version has {len(routes.ids)} examples to export, the lake holds {examples} of them")
    distinct = unique(as_large(pa.chunked_array(ids))).drop_null()
    return distinct.take(pc.sort_indices(distinct))


def _write_picture(path: Path, image_id: str, data: pa.Buffer) -> None:
    if hashlib.sha256(data).hexdigest() != image_id:
        raise ExportError(f"the bytes of picture {image_id} do not have that hash: the lake's `images` is damaged")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
