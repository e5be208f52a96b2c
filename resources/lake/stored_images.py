"""Images of the lake, read by their ids."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from ops.core.arrow import column_values
from ops.core.errors import MissingError
from ops.core.schemas import IMAGES
from resources.lake.tables import Lake


def stored_images(lake: Lake, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Id and bytes of each of these images, in the order of the lake; holds one row group at a time.
    MissingError, after those that are there, where some are not."""
    left = set(ids)
    for batch in lake.batches(IMAGES, where={"image_id": sorted(left)}, columns=["image_id", "bytes"]):
        rows = zip(column_values(batch, "image_id", str), column_values(batch, "bytes", bytes), strict=True)
        for image, data in rows:
            if image in left:
                left.discard(image)
                yield image, data
    if left:
        raise images_lost(left)


def images_lost(ids: AbstractSet[str]) -> MissingError:
    """The error that names these images, which examples show, as not there."""
    return MissingError(
        f"{len(ids)} images that examples show are not in the lake's images, among them {min(ids)}; "
        "ingest stores images before examples, so the lake was changed by hand: restore it, or ingest again"
    )
