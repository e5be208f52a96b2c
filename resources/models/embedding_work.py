"""What is to be embedded, cut into pieces that workers take: row groups of image files, and batches of texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.arrow import column_values
from ops.core.parquet_files import row_group
from ops.core.schemas import IMAGES
from ops.gates.throughput import TEXTS_AN_IMAGE
from resources.lake.scratch import Scratch
from resources.lake.stored_images import images_lost
from resources.lake.tables import Lake

#: Images of a row group of a scratch file.
_GROUP_IMAGES = 64
_CONTENTS = pa.schema([("image_id", pa.string()), ("bytes", pa.large_binary())])


@dataclass(frozen=True, slots=True)
class Work:
    """A piece: the images of these ids in one row group of a file, or texts."""

    file: str = ""
    group: int = 0
    images: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Contents that get a vector."""
        return len(self.images) + len(self.texts)

    @property
    def weight(self) -> float:
        """What it costs, in images."""
        return len(self.images) + len(self.texts) / TEXTS_AN_IMAGE


def stored_image_work(lake: Lake, image_ids: set[str]) -> list[Work]:
    """Which row groups of the lake hold the images; reads no image. LookupError where one is in none."""
    if not image_ids:
        return []
    filesystem, base = lake.storage.open()
    work: list[Work] = []
    missing = set(image_ids)
    for part in lake.parts(IMAGES, where={"image_id": image_ids}):
        if not missing:
            break
        path = f"{base}/{IMAGES.name}/{part.path}"
        with pq.ParquetFile(path, filesystem=filesystem) as stored:
            for group in range(stored.num_row_groups):
                ids = column_values(row_group(stored, group, ["image_id"]), "image_id", str)
                in_group = tuple(image for image in ids if image in missing)
                missing.difference_update(in_group)
                if in_group:
                    work.append(Work(file=path, group=group, images=in_group))
    if missing:
        raise images_lost(missing)
    return work


def text_work(texts: Sequence[str], batch: int) -> list[Work]:
    """The texts in batches, by length, so that a batch holds texts of like length and little of it is padding."""
    ordered = sorted(texts, key=len)
    return [Work(texts=tuple(ordered[at : at + batch])) for at in range(0, len(ordered), batch)]


class ImageFile:
    """A scratch file of images that are not the lake's, written a row group at a time."""

    def __init__(self, lake: Lake, scratch: Scratch) -> None:
        self.path = f"{lake.storage.open()[1]}/.scratch/{scratch.name}/images.parquet"
        self._scratch = scratch
        self._groups: list[tuple[str, ...]] = []

    def write(self, images: Iterable[tuple[str, bytes]]) -> set[str]:
        """Writes the images, given by id and bytes, a few at a time; returns their ids."""
        self._scratch.write_table("images", self._batches(iter(images)), _CONTENTS)
        return {image for group in self._groups for image in group}

    def work(self, image_ids: set[str]) -> list[Work]:
        """Which row groups hold the images of these ids."""
        chosen = [tuple(image for image in group if image in image_ids) for group in self._groups]
        return [Work(file=self.path, group=number, images=group) for number, group in enumerate(chosen) if group]

    def _batches(self, images: Iterator[tuple[str, bytes]]) -> Iterator[pa.RecordBatch]:
        while rows := list(islice(images, _GROUP_IMAGES)):
            ids, data = zip(*rows, strict=True)
            self._groups.append(ids)
            yield pa.record_batch([pa.array(ids, pa.string()), pa.array(data, pa.large_binary())], schema=_CONTENTS)
