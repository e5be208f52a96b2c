"""Rows of the lake's tables (ops/core/tables.py) as Python has them."""

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


class StoredExample(TypedDict):
    """schemas.EXAMPLES; a reader has the columns that it selects."""

    delivery: str
    example_id: str
    content_id: str
    source_id: str
    dataset: str
    kind: str
    messages: list[StoredMessage] | None
    image_ids: list[str] | None
    metadata: str
    repairs: list[str] | None
