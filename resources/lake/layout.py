"""The format of a lake: which tables it has and how they lie. A file at its root names it, so that code of another day
refuses a lake that it would misread, and says what to do."""

import json
from contextlib import suppress

import pyarrow.fs as pafs

from ops.core.errors import UnusableError
from resources.storage.storage import Storage

FORMAT = 2
"""1: counts of files lie in `drops`, outcomes of gates by delivery. 2: each in a table of few files of its own."""
FILE = "format.json"
_FIRST_TABLE = "drops"

_passed: set[str] = set()


def format_of(storage: Storage) -> int | None:
    """The format of the lake in that folder; None where there is no lake yet. Lakes of format 1 do not name it."""
    with suppress(PermissionError):  # the table's log says it better
        named = _named(storage)
        if named is not None:
            return named
        filesystem, base = storage.open()
        with storage.reaching():
            log = filesystem.get_file_info(f"{base}/{_FIRST_TABLE}/_delta_log")
        if log.type != pafs.FileType.NotFound:
            # Another writer may have begun the lake between the two looks; it names the format before its first table.
            return _named(storage) or 1
    return None


def _named(storage: Storage) -> int | None:
    written = storage.read(FILE)
    return None if written is None else int(json.loads(written)["format"])


def require_format(storage: Storage) -> None:
    """UnusableError where the lake has another format than this code reads. Looked at until it is there, once a
    process."""
    if storage.root in _passed:
        return
    present = format_of(storage)
    if present is None:
        return
    if present < FORMAT:
        raise UnusableError(
            f"{storage.root}: this lake has the format {present} of older code, this code reads {FORMAT}: run "
            f"`assay migrate --lake {storage.root}`; its versions stay as they are"
        )
    if present > FORMAT:
        raise UnusableError(
            f"{storage.root}: this lake has the format {present} of newer code, this code reads {FORMAT}: update Assay"
        )
    _passed.add(storage.root)


def write_format(storage: Storage) -> None:
    """Names the lake's format as the present one."""
    storage.write(FILE, json.dumps({"format": FORMAT}).encode(), content_type="application/json")
