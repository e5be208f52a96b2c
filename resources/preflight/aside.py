"""Records that ingest set aside, as a trainer meets them in the drop's own files."""

import posixpath
from collections.abc import Mapping
from typing import Any

import orjson

from ops.core.errors import AssayError
from ops.core.json_values import Cell
from ops.intake.drop import Manifest, read_manifest
from ops.intake.drop_files import DropFiles
from ops.intake.row import RowError
from ops.preflight.contract import BROKEN, MISSING, UNKNOWN_STATE, Picture, Row
from ops.preflight.looking import look_at
from ops.preflight.records import read_record
from resources.intake.admission import drop_source
from resources.lake.tables import Lake
from resources.storage.drops import drop_files

_MOST_BYTES = 1 << 26
_STATES = {"image_missing": MISSING, "image_undecodable": BROKEN, "image_type_unknown": BROKEN}
"""What a reason of quarantine says of the first picture of a row, where its file cannot be looked at."""


class FilesOfDrop:
    """The pictures that records name, where the drop's files still lie where they were read; read as ingest reads them,
    never outside the drop. Each is looked at once."""

    def __init__(self, lake: Lake, drop: str) -> None:
        self._files: DropFiles | None = None
        self._manifest = Manifest()
        self._looks: dict[tuple[str, str], Picture | None] = {}
        try:
            self._files = drop_files(drop_source(lake, drop, watched=""))
            self._manifest = read_manifest(self._files)
        except (AssayError, OSError):  # gone, or out of reach: what was found at ingest has to do
            self._files = None

    def look(self, file: str, path: str) -> Picture | None:
        """The picture that a record of that file names; None where nobody can say."""
        key = (file, path)
        if key not in self._looks:
            self._looks[key] = self._look(file, path)
        return self._looks[key]

    def _look(self, file: str, path: str) -> Picture | None:
        if self._files is None:
            return None
        folders = tuple(dict.fromkeys([*self._manifest.folders(file), posixpath.dirname(file), ""]))
        try:
            return look_at(self._files.read_image(path, folders, max_bytes=_MOST_BYTES))
        except RowError as error:
            return Picture(state=MISSING) if error.reason == "image_missing" else None
        except OSError:
            return None


def as_delivered(record: Mapping[str, Any], files: FilesOfDrop) -> Row:
    """The row of a record that was set aside (`file`, `row`, `source_id`, `reason`, `raw`). One that is not kept whole
    as JSON is beyond the rules."""
    row_id = record["source_id"] or f"{record['file']}:{record['row']}"
    try:
        raw: Cell = orjson.loads(record["raw"] or "")
    except orjson.JSONDecodeError:
        raw = None
    if not isinstance(raw, dict):
        return Row(row_id=row_id, turns=(), unreadable="a record that is not kept whole as JSON")
    states = iter([_STATES.get(record["reason"], UNKNOWN_STATE)])

    def look(named: Cell) -> Picture:
        picture = files.look(record["file"], named) if isinstance(named, str) else None
        state = next(states, UNKNOWN_STATE)
        return picture if picture is not None else Picture(state=state)

    return read_record(raw, row_id, look)
