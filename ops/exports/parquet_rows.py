"""Parquet with Hugging Face features: columns of chat messages, and pictures that `datasets` decodes by itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ops.exports.contract import Record, split_preference

_PART = pa.struct([("type", pa.string()), ("text", pa.string())])
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(_PART))]))
_IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
_VALUE = {"_type": "Value"}
_CHAT = {
    "_type": "List",
    "feature": {
        "role": {"dtype": "string", **_VALUE},
        "content": {
            "_type": "List",
            "feature": {"type": {"dtype": "string", **_VALUE}, "text": {"dtype": "string", **_VALUE}},
        },
    },
}
_PICTURES = {"_type": "List", "feature": {"_type": "Image"}}

CHATS = {"sft": ("messages",), "preference": ("prompt", "chosen", "rejected")}


def schema(kind: str, facts: Mapping[str, pa.DataType]) -> pa.Schema:
    """Columns of a kind: its chats, `images`, and the facts asked for; with the features that `datasets` reads."""
    fields = [*((name, _MESSAGES) for name in CHATS[kind]), ("images", _IMAGES), *facts.items()]
    features: dict[str, Any] = dict.fromkeys(CHATS[kind], _CHAT) | {"images": _PICTURES}
    features |= {name: {"dtype": str(kind).replace("double", "float64"), **_VALUE} for name, kind in facts.items()}
    told = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": told})


def write_rows(records: Sequence[Record], path: Path, facts: Mapping[str, pa.DataType]) -> dict[str, int]:
    """Write the records of one kind; a preference example without a pair is left out and counted as `unpaired`."""
    kind = records[0].kind
    rows = [_row(record, facts) for record in records]
    kept = [row for row in rows if row is not None]
    table = pa.Table.from_pylist(kept, schema=schema(kind, facts))
    # Small row groups: a reader that wants one example should not decode a hundred pictures.
    pq.write_table(table, path, compression="zstd", row_group_size=100)
    return {"unpaired": len(rows) - len(kept)}


def _row(record: Record, facts: Mapping[str, pa.DataType]) -> dict[str, Any] | None:
    if record.kind == "sft":
        chats = {"messages": [_message(message) for message in record.messages]}
    else:
        pair = split_preference(record)
        if pair is None:
            return None
        prompt, chosen, rejected = pair
        chats = {
            "prompt": [_message(message) for message in prompt],
            "chosen": [_message(chosen, "assistant")],
            "rejected": [_message(rejected, "assistant")],
        }
    images = [{"bytes": picture.data(), "path": Path(picture.relative).name} for picture in record.pictures]
    known = record.facts() | {"soft_label": record.soft_label}
    return chats | {"images": images} | {name: known[name] for name in facts}


def _message(message: Mapping[str, Any], role: str | None = None) -> dict[str, Any]:
    content = [{"type": p["type"], "text": None if p["type"] == "image" else p["text"] or ""} for p in message["parts"]]
    return {"role": role or message["role"], "content": content}
