"""A contact sheet: one self-contained HTML page of the examples that a policy would remove, bring back or re-weigh."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.core.stored import StoredMessage
from ops.report.templates import fill
from ops.report.thumbnails import data_uri, small_jpeg

_SIDE_PX = 220
_MOST_CHARS = 240
_HEADINGS = {"removed": "Would leave", "added": "Would come back", "reweighted": "Would weigh otherwise"}


def contact_sheet(title: str, *, rules: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """The page. `rules` has rule, before, after, difference; `rows` has example_id, change, reasons_before,
    reasons_after, messages and picture (bytes or None)."""
    values = {"title": title, "headings": _HEADINGS, "rules": rules, "rows": rows}
    return fill("contact_sheet", values, filters={"text": _text, "thumbnail": _thumbnail})


def _text(message: StoredMessage) -> str:
    text = " ".join(part["text"] or "" for part in message["parts"] or () if part["type"] == "text")
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."


def _thumbnail(data: bytes | None) -> str:
    """The address of the picture; empty where there is none to be seen."""
    jpeg = small_jpeg(data, side_px=_SIDE_PX) if data else b""
    return data_uri(jpeg) if jpeg else ""
