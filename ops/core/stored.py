"""Rows of the lake's tables (ops/core/schemas.py) as Python has them."""

from typing import TypedDict


class StoredPart(TypedDict):
    """A text, or an image: schemas.PART."""

    type: str
    text: str | None
    image_id: str | None


class StoredMessage(TypedDict):
    """schemas.MESSAGE"""

    role: str
    parts: list[StoredPart] | None
