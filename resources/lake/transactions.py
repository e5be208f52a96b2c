"""The application transactions of a table: what was committed under a name, and may have been revoked again.

Delta keeps a number with each name. It counts what happened under the name, so that an odd one is of a commit that
stands, an even one of a commit that was revoked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.arrow import nullable_values
from resources.storage.storage import Storage


def stands(number: int | None) -> bool:
    """Whether a commit with this number of its name stands; None where the name is not known."""
    return number is not None and number % 2 == 1


def transactions(storage: Storage, table: str, *, version: int) -> dict[str, int]:
    """The transactions that the table's commits up to `version`, and perhaps a little later ones, carry, by name with
    their numbers: from the last checkpoint and the log entries behind it, all at once, where delta-rs searches them one
    by one."""
    folder = f"{table}/_delta_log"
    checkpoint: dict[str, Any] = json.loads(storage.read(f"{folder}/_last_checkpoint") or b"{}")
    filesystem, base = storage.open()
    numbers: dict[str, int] = {}
    for name in _checkpoint_files(folder, checkpoint):
        with storage.reaching(), pq.ParquetFile(f"{base}/{name}", filesystem=filesystem) as file:
            read: pa.Table = cast(Any, file).read(columns=["txn.appId", "txn.version"])
        if "txn" in read.column_names:
            rows = nullable_values(read, "txn", dict[str, Any])
            numbers.update((row["appId"], row["version"]) for row in rows if row is not None)
    for number in range(checkpoint.get("version", -1) + 1, version + 1):
        numbers.update(_numbered(storage.read(f"{folder}/{number:020d}.json") or b""))
    return numbers


def _checkpoint_files(folder: str, checkpoint: Mapping[str, Any]) -> list[str]:
    if not checkpoint:
        return []
    stem, parts = f"{folder}/{checkpoint['version']:020d}.checkpoint", checkpoint.get("parts")
    if not parts:
        return [f"{stem}.parquet"]
    return [f"{stem}.{part:010d}.{parts:010d}.parquet" for part in range(1, parts + 1)]


def _numbered(entry: bytes) -> Iterator[tuple[str, int]]:
    for line in entry.splitlines():
        if line.startswith(b'{"txn"'):
            transaction = json.loads(line)["txn"]
            yield transaction["appId"], transaction["version"]
