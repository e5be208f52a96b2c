"""The application transactions of a table, all at once: delta-rs searches them one by one, which is quadratic."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.arrow import nullable_values
from resources.storage.storage import Storage


def transactions(storage: Storage, table: str, *, version: int) -> set[str]:
    """Names of the transactions that the table's commits up to `version`, and perhaps a little later ones, carry: from
    the last checkpoint and the log entries behind it."""
    folder = f"{table}/_delta_log"
    checkpoint: dict[str, Any] = json.loads(storage.read(f"{folder}/_last_checkpoint") or b"{}")
    filesystem, base = storage.open()
    names: set[str] = set()
    for name in _checkpoint_files(folder, checkpoint):
        with storage.reaching(), pq.ParquetFile(f"{base}/{name}", filesystem=filesystem) as file:
            read: pa.Table = cast(Any, file).read(columns=["txn.appId"])
        if "txn" in read.column_names:
            rows = nullable_values(read, "txn", dict[str, str])
            names.update(row["appId"] for row in rows if row is not None)
    for number in range(checkpoint.get("version", -1) + 1, version + 1):
        names.update(_named(storage.read(f"{folder}/{number:020d}.json") or b""))
    return names


def _checkpoint_files(folder: str, checkpoint: Mapping[str, Any]) -> list[str]:
    if not checkpoint:
        return []
    stem, parts = f"{folder}/{checkpoint['version']:020d}.checkpoint", checkpoint.get("parts")
    if not parts:
        return [f"{stem}.parquet"]
    return [f"{stem}.{part:010d}.{parts:010d}.parquet" for part in range(1, parts + 1)]


def _named(entry: bytes) -> Iterator[str]:
    for line in entry.splitlines():
        if line.startswith(b'{"txn"'):
            yield json.loads(line)["txn"]["appId"]
