"""Which runs are at work in a lake: each says so by a file of its own there, again and again, until it ends.

What a run makes and has not committed, and what it saw and is about to pin, is younger than the run. So `assay vacuum`
takes away nothing that was made since the oldest run at work began, however long ago that was.
"""

import json
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from resources.engines.processes import has_ended, process_name
from resources.lake.tables import Lake

LEASE = timedelta(minutes=15)
"""For how long a run is taken to be at work after it last said so."""
_FOLDER = ".runs"


@contextmanager
def at_work(lake: Lake) -> Generator[None]:
    """Says that this process is at work in the lake, for as long as the block lasts."""
    for name, began in _runs(lake):
        if began is None:
            lake.storage.remove(name)
    name, began, ended = f"{_FOLDER}/{uuid.uuid4().hex}.json", datetime.now(UTC), Event()
    _write(lake, name, began)
    writing = Thread(target=_keep_writing, args=(lake, name, began, ended), daemon=True)
    writing.start()
    try:
        yield
    finally:
        ended.set()
        writing.join()
        lake.storage.remove(name)


def oldest_run(lake: Lake) -> datetime | None:
    """When the oldest run that is at work in the lake began; None where none is."""
    return min((began for _, began in _runs(lake) if began is not None), default=None)


def _runs(lake: Lake) -> Iterator[tuple[str, datetime | None]]:
    """The files of runs, and when each began; None of one that has ended without a word."""
    for name in sorted(lake.storage.sizes(_FOLDER)):
        written = lake.storage.read(name)
        if written is not None:
            run = json.loads(written)
            is_over = datetime.fromisoformat(run["until"]) < datetime.now(UTC) or has_ended(run["process"])
            yield name, None if is_over else datetime.fromisoformat(run["began"])


def _keep_writing(lake: Lake, name: str, began: datetime, ended: Event) -> None:
    while not ended.wait(LEASE.total_seconds() / 3):
        _write(lake, name, began)


def _write(lake: Lake, name: str, began: datetime) -> None:
    until = datetime.now(UTC) + LEASE
    run = {"process": process_name(), "began": began.isoformat(), "until": until.isoformat()}
    lake.storage.write(name, json.dumps(run).encode(), content_type="application/json")
