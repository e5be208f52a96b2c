"""Identity by content: what an image, a text, an example and a delivery are called."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ops.core.stored import StoredMessage


def digest(*parts: str | bytes, size: int = 16) -> str:
    """Hex of the first `size` bytes of SHA-256 over the parts, each preceded by its length so that no two lists of
    parts share a digest by shifting a boundary."""
    state = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()[:size].hex()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def image_id(data: bytes) -> str:
    """The SHA-256 of the image's bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def text_id(text: str) -> str:
    """Key of a text in the `embeddings` table."""
    return digest("text", text)


def content_id(kind: str, messages: Iterable[StoredMessage], image_ids: Iterable[str]) -> str:
    """Key of what an example says and shows, whatever file it came in: the cache key of row-wise measures."""
    return digest(kind, canonical_json(list(messages)), *image_ids)


def example_id(drop: str, source_id: str, content: str, occurrence: int) -> str:
    """Identity of an example in a delivery. `occurrence` counts earlier rows of the delivery with the same source id
    and content, so that of two identical rows one can be kept and the other dropped."""
    return digest(drop, source_id, content, str(occurrence))


def delivery_id(drop: str, file_hashes: Mapping[str, str]) -> str:
    """Name of what arrived under a drop's name: the drop and a hash of its files' names and hashes."""
    return f"{drop}-{digest(canonical_json(dict(file_hashes)), size=6)}"


def fingerprint(*values: Any) -> str:
    """Short identity (16 hex digits) of settings, revisions and other identities that decide a result."""
    return digest(*(canonical_json(value) for value in values), size=8)
