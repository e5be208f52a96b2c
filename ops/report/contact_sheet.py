"""A contact sheet: one self-contained HTML page of the examples that a policy would remove, bring back or re-weigh."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ops.report.templates import fill

_SIDE_PX = 220
_MOST_CHARS = 240
_HEADINGS = {"removed": "Would leave", "added": "Would come back", "reweighted": "Would weigh otherwise"}


def contact_sheet(title: str, *, rules: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """The page. `rules` has rule, before, after, difference; `rows` has example_id, change, reasons_before,
    reasons_after, messages and picture (bytes or None)."""
    values = {"title": title, "headings": _HEADINGS, "rules": rules, "rows": rows}
    return fill("contact_sheet", values, filters={"text": _text, "thumbnail": _thumbnail})


def _text(message: Mapping[str, Any]) -> str:
    text = " ".join(part["text"] or "" for part in message["parts"] if part["type"] == "text")
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."


def _thumbnail(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((_SIDE_PX, _SIDE_PX))
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(kept.getvalue()).decode()}"
