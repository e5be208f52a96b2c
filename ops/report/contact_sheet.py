"""A contact sheet: one self-contained HTML page of the examples that a policy would remove, bring back or re-weigh."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

_SIDE_PX = 220
_HEADINGS = {"removed": "Would leave", "added": "Would come back", "reweighted": "Would weigh otherwise"}
_STYLE = """
body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left}td.n{text-align:right}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem}
figure{margin:0;border:1px solid #d5dbe3;border-radius:6px;padding:.7rem;overflow-wrap:anywhere}
img{max-width:100%;display:block;margin-bottom:.4rem}.why{color:#8a2b0a}.id{color:#667;font-size:.8em}
@media(prefers-color-scheme:dark){body{background:#14181f;color:#dde3ea}figure{border-color:#39424e}.why{color:#f0a080}}
"""


def contact_sheet(title: str, *, rules: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """The page. `rules` has rule, before, after, difference; `rows` has example_id, change, reasons_before,
    reasons_after, messages and picture (bytes or None). All text is escaped: nothing of the data is markup."""
    table = "".join(
        f"<tr><td>{html.escape(row['rule'])}</td><td class=n>{row['before']:,}</td><td class=n>{row['after']:,}</td>"
        f"<td class=n>{row['difference']:+,}</td></tr>"
        for row in rules
    )
    sections = "".join(_section(change, [row for row in rows if row["change"] == change]) for change in _HEADINGS)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>"
        f"<table><tr><th>rule</th><th>before</th><th>after</th><th>difference</th></tr>{table}</table>{sections}</html>"
    )


def _section(change: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    return f"<h2>{_HEADINGS[change]}</h2><div class=sheet>{''.join(map(_figure, rows))}</div>"


def _figure(row: Mapping[str, Any]) -> str:
    reasons = row["reasons_before"] if row["change"] == "added" else row["reasons_after"]
    told = "<br>".join(html.escape(f"{r['detail']} ({r['rule']}: {r['value']})") for r in (reasons or [])[:4])
    said = "<br>".join(
        f"<b>{html.escape(message['role'])}</b> {html.escape(_text(message))}" for message in row["messages"][:6]
    )
    picture = f"<img alt='' src='{_thumbnail(row['picture'])}'>" if row["picture"] else ""
    return (
        f"<figure>{picture}<div>{said}</div><p class=why>{told}</p><div class=id>{html.escape(row['example_id'])}"
        "</div></figure>"
    )


def _text(message: Mapping[str, Any]) -> str:
    text = " ".join(part["text"] or "" for part in message["parts"] if part["type"] == "text")
    return text if len(text) <= 240 else f"{text[:237]}..."


def _thumbnail(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((_SIDE_PX, _SIDE_PX))
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(kept.getvalue()).decode()}"
