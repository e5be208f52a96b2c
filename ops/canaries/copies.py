"""Copies of SFT rows: as they are, in other words, or with their picture stored anew."""

import io
from collections.abc import Container, Mapping
from dataclasses import asdict

from PIL import Image

from ops.canaries.rewording import retold, reworded
from ops.canaries.rows import Canary, Row, marked, showing
from ops.core.identity import image_id, text_id
from ops.core.schemas import IMAGES
from ops.intake.image_checks import check_image, decode_rgb
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from ops.text.likeness import compared_texts

COPIED, REWORDED, RETOLD, REENCODED = "exact_copy", "reworded_copy", "retold_copy", "reencoded_image"
_SCALE, _QUALITY = 0.75, 80  # a picture is stored anew at three quarters of its sides


def copied(row: Row) -> Canary:
    """The row once more."""
    return Canary(marked(row, COPIED))


def reworded_copy(row: Row) -> Canary | None:
    """One answer says a phrase in other words."""
    messages = reworded(row)
    return None if messages is None else Canary(marked(row, REWORDED) | {"messages": messages})


def retold_copy(row: Row) -> Canary | None:
    """The answers say every phrase that is known in other words."""
    messages = retold(row) if row["image_ids"] else None
    return None if messages is None else Canary(marked(row, RETOLD) | {"messages": messages})


def is_embedded(canary: Canary | None, texts: Container[str]) -> bool:
    """Whether all that vectors compare of the canary's texts is among these (ids)."""
    return canary is not None and all(text_id(text) in texts for text in compared_texts(canary.row["messages"]))


def stored_anew(row: Row, fault: str, pictures: Mapping[str, bytes], settings: IngestSettings) -> Canary | None:
    """The row's only picture is stored anew, smaller and as JPEG; none of a row with another number of pictures, or
    whose picture may not enter then."""
    images = row["image_ids"] or ()
    data = pictures.get(images[0]) if len(images) == 1 else None
    if data is None:
        return None
    with decode_rgb(data) as image, io.BytesIO() as smaller:
        sides = (max(1, round(side * _SCALE)) for side in image.size)
        image.resize((next(sides), next(sides)), Image.Resampling.LANCZOS).save(smaller, "JPEG", quality=_QUALITY)
        again = smaller.getvalue()
    try:
        facts = asdict(check_image(again, settings))
    except RowError:
        return None
    name = image_id(again)
    known = {column: facts.get(column) for column in IMAGES.schema.names} | {"image_id": name}
    return Canary(showing(row, name, fault), picture=known)
