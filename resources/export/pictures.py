"""The pictures of a version as files, each named by its content and checked against that name."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import pyarrow as pa

from ops.core.arrow import (
    AnyArray,
    as_large,
    column_of,
    column_values,
    distinct_values,
    list_array,
    list_lengths,
    list_members,
    nullable_values,
    sort_order,
    taken,
    values_of,
    whole,
)
from ops.core.schemas import EXAMPLES, IMAGES
from ops.exports.contract import PICTURE_ENDINGS, ExportError, Picture
from resources.engines.progress import Progress
from resources.export.spool import Routes, row_numbers
from resources.lake.lookup import KeyIndex
from resources.lake.tables import Lake

FEW_PICTURES = 4096
"""Up to so many pictures are looked up by their ids; for more, the whole table is read once."""
_ID = re.compile(r"[0-9a-f]{64}")


class PictureEndings:
    """The pictures that a version shows, with the ending of each one's file name."""

    def __init__(self, ids: AnyArray, endings: AnyArray) -> None:
        self._ids, self._endings, self._index = ids, endings, KeyIndex(ids)

    def __len__(self) -> int:
        return len(self._ids)

    def pictures(self, folder: Path) -> Iterable[Picture]:
        """Each picture, as it lies below the folder."""
        pairs = zip(values_of(self._ids, str), values_of(self._endings, str), strict=True)
        return (Picture(image_id, ending, folder) for image_id, ending in pairs)

    def append_to(self, rows: pa.Table) -> pa.Table:
        """The rows with a column `endings` beside `image_ids`."""
        ids = whole(rows, "image_ids")
        values = taken(self._endings, pa.array(self._index.positions(list_members(ids)), pa.int64()))
        endings = list_array(list_lengths(ids), values, pa.list_(pa.string()))
        return rows.append_column("endings", endings)


def pictures_of(lake: Lake, where: Mapping[str, object], routes: Routes) -> PictureEndings:
    """The pictures that the routed examples show. Raises ExportError where examples or pictures are not in the lake, or
    an id is no hash: ids name files."""
    ids = _picture_ids(lake, where, routes)
    malformed = [image_id for image_id in values_of(ids, str) if not _ID.fullmatch(image_id)]
    if malformed:
        raise ExportError(f"{malformed[0]!r:.80} is no image id: ids are 64 hex digits, for they name files")
    index = KeyIndex(ids)
    endings: list[str | None] = [None] * len(ids)
    for batch in lake.batches(IMAGES, where={"image_id": ids}, columns=["image_id", "format"]):
        positions = index.positions(column_of(batch, "image_id")).tolist()
        for position, name in zip(positions, nullable_values(batch, "format", str), strict=True):
            if position >= 0:
                endings[position] = PICTURE_ENDINGS.get((name or "").upper(), "img")
    missing = [image_id for image_id, ending in zip(values_of(ids, str), endings, strict=True) if ending is None]
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
            stored = cast("Iterable[pa.BinaryScalar]", column_of(batch, "bytes"))
            for image_id, data in zip(column_values(batch, "image_id", str), stored, strict=True):
                if path := waiting.pop(image_id, None):
                    _write_picture(path, image_id, data.as_buffer())
                    advance(1)
    if waiting:
        raise ExportError(
            f"{len(waiting)} pictures of the version went from the lake's `images` meanwhile, such as {min(waiting)}"
        )


def _picture_ids(lake: Lake, where: Mapping[str, object], routes: Routes) -> AnyArray:
    """Ids of the pictures that the examples show, each once, sorted. Raises ExportError where examples are missing."""
    examples = 0
    ids: list[AnyArray] = [pa.array([], pa.string())]
    for batch in lake.batches(EXAMPLES, where=where, columns=["example_id", "image_ids"]):
        rows, _ = routes.select(batch)
        examples += len(rows)
        ids.append(distinct_values(list_members(taken(column_of(batch, "image_ids"), row_numbers(rows)))))
    if examples != len(routes.ids):
        raise ExportError(f"the version has {len(routes.ids)} examples to export, the lake holds {examples} of them")
    distinct = distinct_values(as_large(pa.chunked_array(ids))).drop_null()
    return taken(distinct, sort_order(distinct))


def _write_picture(path: Path, image_id: str, data: pa.Buffer) -> None:
    if hashlib.sha256(data).hexdigest() != image_id:
        raise ExportError(f"the bytes of picture {image_id} do not have that hash: the lake's `images` is damaged")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
