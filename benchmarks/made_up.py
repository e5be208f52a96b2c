"""Rows of a lake as ingest and the audits would leave them, made up: text, and pictures where asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.jpegs import photos
from ops.audits.registry import all_audits
from ops.core.identity import image_id
from ops.core.schemas import DROPS, EXAMPLES, IMAGES
from resources.lake.tables import Lake

CHUNK = 100_000
MEASURES = {"difficulty": "bench", "duplicates": "bench"}
"""Identities of the measures that there are."""


def fill_drop(lake: Lake, drop: str, count: int, *, images: Sequence[str] = (), seed: int = 0) -> str:
    """An admitted delivery of the drop with so many examples and their measures; returns its name."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        write_chunk(lake, rng, drop, start, min(CHUNK, count - start), images)
    state = {"at": datetime.now(UTC), "drop": drop, "delivery": f"{drop}-1", "state": "admitted", "rows_kept": count}
    lake.log(DROPS, lambda log: [state])
    return f"{drop}-1"


def store_pictures(lake: Lake, count: int) -> list[str]:
    """Ids of so many pictures, which the lake then has."""
    ids: list[str] = []
    files = photos(count)
    for at in range(0, count, 1000):
        stored = [{"image_id": image_id(data), "bytes": data, "format": "JPEG"} for data in files[at : at + 1000]]
        lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(stored, schema=IMAGES.schema), {}))
        ids += [row["image_id"] for row in stored]
    return ids


def write_chunk(
    lake: Lake, rng: np.random.Generator, drop: str, start: int, rows: int, image_ids: Sequence[str]
) -> None:
    noise = rng.bytes(16 * rows)
    ids = pa.array([noise[16 * i : 16 * i + 16].hex() for i in range(rows)])
    delivery = f"{drop}-1"
    same = {"drop": drop, "delivery": delivery, "kind": "sft", "metadata": "{}"}
    at = np.arange(start, start + rows)
    images = pa.array([image_ids[n % len(image_ids)] for n in at.tolist()] if image_ids else [], pa.string())
    message = EXAMPLES.schema.field("messages").type.value_type
    kinds = ["image"] * bool(image_ids) + ["text", "text"]  # the first message shows the picture and asks
    texts = pa.array([None if kind == "image" else "a question or an answer of some words" for kind in kinds])
    places = pa.array(np.tile(np.arange(len(kinds)), rows))
    pictured = pa.array(np.where(np.tile(np.arange(len(kinds)), rows) == 0, np.arange(rows).repeat(len(kinds)), -1))
    parts_of = [pa.array(kinds).take(places), texts.take(places), taken(images, pictured)]
    part = pa.StructArray.from_arrays(parts_of, fields=list(message.field("parts").type.value_type))
    ends = (len(kinds) * np.arange(rows)[:, None] + [0, len(kinds) - 1]).ravel()
    parts = pa.ListArray.from_arrays(pa.array(np.r_[ends, len(kinds) * rows].astype(np.int32)), part)
    roles = pa.array(["user", "assistant"] * rows)
    turns = pa.StructArray.from_arrays([roles, parts], fields=list(message))
    columns: dict[str, Any] = {name: pa.repeat(value, rows) for name, value in same.items()}
    columns |= dict.fromkeys(("example_id", "content_id", "source_id"), ids)
    columns["dataset"] = pa.array([f"set-{i % 11}" for i in range(rows)])
    columns["messages"] = pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32)), turns)
    one_each = np.arange(rows + 1, dtype=np.int32)
    columns["image_ids"] = pa.ListArray.from_arrays(pa.array(one_each * bool(image_ids)), images)
    columns["repairs"] = pa.ListArray.from_arrays(pa.array(one_each * 0), pa.array([], pa.string()))
    fields = list(EXAMPLES.schema.field("provenance").type)
    columns["provenance"] = pa.StructArray.from_arrays([pa.repeat("bench.json", rows), pa.array(at)], fields=fields)
    table = pa.table([columns[name] for name in EXAMPLES.schema.names], schema=EXAMPLES.schema)
    lake.write(EXAMPLES, table, partition={"delivery": delivery}, once=f"{delivery}-{start}")
    write_measures(lake, rng, delivery, ids, start)


def taken(images: pa.Array, places: pa.Array) -> pa.Array:
    """The images at these places, null where there are none or the place is -1."""
    if not len(images):
        return pa.nulls(len(places), pa.string())
    return images.take(pc.if_else(pc.greater_equal(places, 0), places, pa.scalar(None, pa.int64())))


def made_values(rng: np.random.Generator, rows: int, kind: pa.DataType) -> pa.Array:
    """Small counts, or shares that are nearly all distinct."""
    values = rng.random(rows) if pa.types.is_floating(kind) else rng.geometric(0.1, rows)
    return pa.array(values).cast(kind, safe=False)


def write_measures(lake: Lake, rng: np.random.Generator, of: str, ids: pa.Array, start: int) -> None:
    rows = len(ids)
    delivery, identity = pa.repeat(of, rows), pa.repeat("bench", rows)
    audit = all_audits()["difficulty"]
    counts = [made_values(rng, rows, column.type) for column in audit.columns]
    table = pa.table([delivery, ids, *counts, identity], schema=audit.table.schema)
    partition = {"delivery": of, "identity": "bench"}
    lake.write(audit.table, table.take(rng.permutation(rows)), partition=partition, once=f"{of}-{start}")
    audit = all_audits()["duplicates"]
    copies = [{"delivery": of, "example_id": i, "copies": 2, "identity": "bench"} for i in ids[::10].to_pylist()]
    table = pa.Table.from_pylist(copies, schema=audit.table.schema)
    lake.write(audit.table, table, partition={"identity": "bench"}, once=f"{of}-{start}")
