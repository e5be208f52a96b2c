"""Whether an object store keeps two writers apart.

Delta commits by writing the next log entry on condition that it is not there (`If-None-Match: *`). A store that passes
over the condition lets the later of two writers replace the commit of the earlier, and both are told that they
committed. Nothing in the log shows it afterwards, so a store is tried before it is written to.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from threading import Lock
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError

from resources.lake.files import LakeError, open_storage, plain_reason

_ROW = pa.schema([("n", pa.int64())])
_ENTRY = f"_delta_log/{0:020d}.json"
_LOCK = Lock()


def require_conditional_writes(root: str, storage_options: Mapping[str, str]) -> None:
    """Tries the store at `root` once a process. LakeError where it keeps only the later of two commits, or cannot be
    written."""
    with _LOCK:
        _try_store(root, tuple(sorted(storage_options.items())))


@cache
def _try_store(root: str, storage_options: tuple[tuple[str, str], ...]) -> None:
    """The trial is a table of its own below `root`, written by delta-rs itself, so that the client, its settings and
    any locking that they name are those of real commits."""
    options = dict(storage_options)
    name = f".trial-{uuid4().hex}"
    try:
        kept = _both_commits_stand(root, name, options)
        filesystem, base = open_storage(root, options)
        filesystem.delete_dir(f"{base}/{name}")
    except (DeltaError, OSError) as error:
        raise LakeError(f"{root}: the store cannot be written: {plain_reason(error)}") from error
    if not kept:
        raise LakeError(
            f"{root}: the store ignores conditional writes (If-None-Match), so commits of two writers would be lost "
            "without a word. Use a store, or a release of it, that honours them, or keep the lake in a folder"
        )


def _both_commits_stand(root: str, name: str, options: dict[str, str]) -> bool:
    """A writer that has seen no table makes one; while it draws its rows another's first log entry appears, and its
    own must then be refused. Nothing here is a matter of time."""
    schema, address = DeltaSchema.from_arrow(_ROW), f"{root}/{name}/raced"
    filesystem, base = open_storage(root, options)
    DeltaTable.create(f"{root}/{name}/first", schema, name="first", storage_options=options)
    with filesystem.open_input_file(f"{base}/{name}/first/{_ENTRY}") as file:
        entry = file.read()

    def rows() -> Iterator[pa.RecordBatch]:
        # Not by delta-rs, which cannot be called while it draws rows.
        with filesystem.open_output_stream(f"{base}/{name}/raced/{_ENTRY}") as file:
            file.write(entry)
        yield pa.record_batch([pa.array([1])], schema=_ROW)

    reader = pa.RecordBatchReader.from_batches(_ROW, rows())
    try:
        write_deltalake(address, reader, name="second", storage_options=options)
    except CommitFailedError:
        # A delta-rs that gives up instead of going on behind the first entry: that one must stand.
        return DeltaTable(address, storage_options=options).metadata().name == "first"
    return DeltaTable(address, storage_options=options).version() == 1
