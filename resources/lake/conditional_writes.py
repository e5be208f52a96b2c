"""Whether an object store keeps two writers apart.

Delta commits by writing the next log entry on condition that it is not there (`If-None-Match: *`). A store that passes
over the condition lets the later of two writers replace the commit of the earlier, and both are told that they
committed. Nothing in the log shows it afterwards, so a store is tried before it is written to.
"""

from collections.abc import Iterator
from functools import cache
from threading import Lock
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError

from resources.lake.files import LakeError
from resources.storage.storage import Storage

_ROW = pa.schema([("n", pa.int64())])
_ENTRY = f"_delta_log/{0:020d}.json"
_LOCK = Lock()


def require_conditional_writes(storage: Storage) -> None:
    """Tries the store once a process. LakeError where it keeps only the later of two commits, or cannot be
    written."""
    with _LOCK:
        _try_store(storage.root, tuple(sorted(storage.options.items())))


@cache
def _try_store(root: str, options: tuple[tuple[str, str], ...]) -> None:
    """The trial is a table of its own below `root`, written by delta-rs itself, so that the client, its settings and
    any locking that they name are those of real commits."""
    storage = Storage(root, dict(options))
    name = f".trial-{uuid4().hex}"
    try:
        kept = _both_commits_stand(storage.below(name))
        storage.remove(name)
    except (DeltaError, OSError) as error:
        raise LakeError(storage.refusal(error)) from error
    if not kept:
        raise LakeError(
            f"{root}: the store ignores conditional writes (If-None-Match), so commits of two writers would be lost "
            "without a word. Use a store, or a release of it, that honours them, or keep the lake in a folder"
        )


def _both_commits_stand(trial: Storage) -> bool:
    """A writer that has seen no table makes one; while it draws its rows another's first log entry appears, and its
    own must then be refused. Nothing here is a matter of time."""
    schema, address, options = DeltaSchema.from_arrow(_ROW), f"{trial.root}/raced", trial.delta_options
    DeltaTable.create(f"{trial.root}/first", schema, name="first", storage_options=options)
    entry = trial.read(f"first/{_ENTRY}")
    if entry is None:
        raise OSError(f"{trial.root}/first/{_ENTRY} was written and is not there")

    def rows() -> Iterator[pa.RecordBatch]:
        # Not by delta-rs, which cannot be called while it draws rows.
        trial.write(f"raced/{_ENTRY}", entry)
        yield pa.record_batch([pa.array([1])], schema=_ROW)

    reader = pa.RecordBatchReader.from_batches(_ROW, rows())
    try:
        write_deltalake(address, reader, name="second", storage_options=options)
    except CommitFailedError:
        # A delta-rs that gives up instead of going on behind the first entry: that one must stand.
        return DeltaTable(address, storage_options=options).metadata().name == "first"
    return DeltaTable(address, storage_options=options).version() == 1
