"""Rows as Arrow and JSON hold them, the same for every format that has columns."""

import json
from collections.abc import Iterable
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.arrow_types import fields_in, member_type
from ops.core.json_values import Cell, Fields, Json, fields_of, items_of
from ops.exports.contract import Member
from ops.exports.conversation import about, label_of, pair_of, require_sft, text_part, typed_parts

ROW_GROUP_BYTES = 16 << 20
"""Text and picture bytes of a row group; what a writer holds."""
ROW_GROUP_ROWS = 1000

PART = pa.struct([("type", pa.string()), ("text", pa.string())])
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(PART))]))
IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
ABOUT = [
    ("example_id", pa.string()),
    ("source_id", pa.string()),
    ("drop", pa.string()),
    ("dataset", pa.string()),
    ("stage", pa.int32()),
    ("position", pa.int64()),
    ("copy", pa.int32()),
    ("weight", pa.float64()),
]


PATHS = pa.list_(pa.string())


def path_schema(*content: tuple[str, pa.DataType]) -> pa.Schema:
    """These columns, pictures as paths below the export's folder, and what `conversation.about` says of each row."""
    return pa.schema([*content, ("images", PATHS), *ABOUT])


def table_schema(*content: tuple[str, pa.DataType]) -> pa.Schema:
    """These columns, the pictures, and what `conversation.about` says of each row."""
    fields = [*content, ("images", IMAGES), *ABOUT]
    features: dict[str, Json] = {name: _feature(kind) for name, kind in fields}
    features["images"] = [{"_type": "Image"}]
    # What Hugging Face datasets reads the columns' meaning from; a list of one is its oldest form of a list.
    described = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": described})


def _feature(kind: pa.DataType) -> Json:
    if pa.types.is_list(kind):
        return [_feature(member_type(kind))]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in fields_in(kind)}
    return {"_type": "Value", "dtype": "float64" if kind == pa.float64() else str(kind)}


SCHEMAS = {
    "sft": table_schema(("messages", MESSAGES)),
    "preference": table_schema(
        ("prompt", MESSAGES), ("chosen", MESSAGES), ("rejected", MESSAGES), ("soft_label", pa.float64())
    ),
    "unpaired": table_schema(("prompt", MESSAGES), ("completion", MESSAGES), ("label", pa.bool_())),
}
"""Columns by table. A preference example without a pair but with a labelled response is `unpaired`."""


def table_row(member: Member) -> tuple[str, dict[str, Cell]]:
    """The table that the member belongs to and its row, in TRL's forms, without the pictures."""
    turns = [{"role": message.role, "content": typed_parts(message)} for message in member.messages]
    if member.kind == "sft":
        require_sft(member)
        return "sft", {"messages": turns, **about(member)}
    pair = pair_of(member)
    if pair is not None:
        sides = {"chosen": _answer(pair.chosen), "rejected": _answer(pair.rejected)}
        return "preference", {"prompt": turns, **sides, "soft_label": member.soft_label, **about(member)}
    judged = label_of(member)
    if judged is None:
        raise ValueError(f"{member.example_id}: no response is better than another")
    row = {"prompt": turns, "completion": _answer(judged.text), "label": judged.label == "good"}
    return "unpaired", {**row, **about(member)}


def with_bytes(row: Fields, member: Member) -> dict[str, Cell]:
    """The row with its pictures as the Image feature holds them."""
    pictures = [{"bytes": picture.data(), "path": picture.name.rpartition("/")[2]} for picture in member.pictures]
    return {**row, "images": pictures}


class TableWriter:
    """Writes rows to a Parquet file in row groups of bounded size."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=False)
        self._schema = schema
        self._rows: list[dict[str, Cell]] = []
        self._bytes = 0
        self.rows = 0

    def add(self, row: dict[str, Cell]) -> None:
        """One more row."""
        self._rows.append(row)
        pictures = (fields_of(image).get("bytes") for image in items_of(row.get("images")))
        self._bytes += 1024 + sum(len(data) for data in pictures if isinstance(data, bytes))
        if self._bytes >= ROW_GROUP_BYTES or len(self._rows) >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Writes what is left and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self.rows += len(self._rows)
        self._rows, self._bytes = [], 0


def json_line(value: Fields) -> bytes:
    """A row as a line of JSON."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"


def write_lines(file: IO[bytes], rows: Iterable[Fields]) -> int:
    """Write each row as a line of JSON; returns how many."""
    return sum(file.write(json_line(row)) > 0 for row in rows)


def _answer(text: str) -> list[dict[str, Cell]]:
    return [{"role": "assistant", "content": text_part(text)}]
