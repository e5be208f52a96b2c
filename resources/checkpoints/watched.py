"""The folder of checkpoints that are audited as they are saved: which are new, changed, and no longer written to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.checkpoints.errors import CheckpointError

_ENDINGS = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True, slots=True)
class Sightings:
    """`new` checkpoints by path, each with a stamp of its files; all that were `seen` so far."""

    new: Mapping[str, str]
    stamps: Mapping[str, str]

    def packed(self) -> str:
        """As text, for the cursor of a sensor."""
        return json.dumps(self.stamps)


def look_for(folder: str, cursor: str | None, *, settled_s: float, now: float) -> Sightings:
    """The folder's files of weights and its sub-folders that hold some, written last at least `settled_s` seconds ago
    (`now` in seconds since the epoch). CheckpointError where it is not there."""
    place = Path(folder)
    if not place.is_dir():
        raise CheckpointError(f"operation.checkpoints.watched: {folder} is no folder; make it, or name another")
    before: dict[str, str] = json.loads(cursor or "{}")
    stamps: dict[str, str] = {}
    for entry in sorted(place.iterdir()):
        files = [entry] if entry.is_file() else sorted(entry.iterdir()) if entry.is_dir() else []
        if not any(file.suffix in _ENDINGS for file in files):
            continue
        stats = [(file.name, file.stat()) for file in files if file.is_file()]
        last = max(stat.st_mtime for _, stat in stats)
        if now - last >= settled_s:
            stamps[str(entry)] = f"{sum(stat.st_size for _, stat in stats)}-{int(last)}"
        elif str(entry) in before:
            stamps[str(entry)] = before[str(entry)]
    return Sightings({path: stamp for path, stamp in stamps.items() if before.get(path) != stamp}, stamps)
