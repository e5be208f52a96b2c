"""JSON lines: the lake's own messages, one example a line, pictures beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.exports.contract import Export, Record

RECIPE = """\
Read the files of a kind in the order of their names, line by line: that is the order of the curriculum. `messages` is a
list of role and parts; a part is a text, or an image whose `path` leads from this folder to its file.
"""


def write(records: Sequence[Record], path: Path) -> None:
    """The records, one JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for record in records:
            out.write(json.dumps(row(record), ensure_ascii=False) + "\n")


def row(record: Record) -> dict[str, Any]:
    """A record as plain JSON."""
    paths = {picture.image_id: picture.relative for picture in record.pictures}
    messages = [{"role": m["role"], "parts": [_part(part, paths) for part in m["parts"]]} for m in record.messages]
    return record.facts() | {"kind": record.kind, "soft_label": record.soft_label, "messages": messages}


def _part(part: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, str]:
    if part["type"] == "image":
        return {"type": "image", "image_id": part["image_id"], "path": paths[part["image_id"]]}
    return {"type": "text", "text": part["text"] or ""}


EXPORT = Export(
    name="jsonl", title="JSON lines and images", suffix=".jsonl", recipe=RECIPE, write=write, pictures="beside"
)
