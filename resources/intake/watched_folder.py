"""The watched folder: which of its sub-folders are complete drops, looked at as little as it takes.

folder + what was seen before -> complete drops that are new or changed, what waits, what is wrong; what is seen now

A look costs a listing of the watched folder, three file stats a sub-folder that it knows, and opens those that changed.
What changes deep inside a folder shows in none of the three: so a few of the others are opened each time as well, the
longest unopened first. Of an object store, whose folders have no times, only those tell of changes.
"""

import base64
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ops.core.identity import digest
from ops.intake.drop import MANIFEST, MARKER, is_complete
from ops.intake.drop_files import DropError
from ops.intake.reading import READING
from resources.intake.drop_folders import drop_folders, name_of
from resources.storage.drops import drop_files

OPENED_AGAIN = 50
"""Unchanged sub-folders that one look opens all the same."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A sub-folder as it was last opened: the `mark` of its times, the `name` and `stamp` of the drop in it (empty
    where it is incomplete or cannot be taken), what is wrong with it, since when (seconds since the epoch) it has been
    incomplete (0 where it is not), and the number of the look that opened it."""

    mark: str
    name: str
    stamp: str
    problem: str
    since: float
    look: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier looks saw, by sub-folder; how many there were, and when the last was (seconds since the epoch)."""

    looks: int
    at: float
    sights: Mapping[str, Sight]

    def packed(self) -> str:
        """As text, for the cursor of a sensor."""
        rows = {name: [s.mark, s.name, s.stamp, s.problem, s.since, s.look] for name, s in self.sights.items()}
        return base64.b85encode(zlib.compress(json.dumps([READING, self.looks, self.at, rows]).encode(), 1)).decode()

    @classmethod
    def of(cls, text: str | None) -> "Memory":
        """What `packed` made; of nothing, of another reading, or of what cannot be read: nothing seen yet."""
        try:
            reading, looks, at, rows = json.loads(zlib.decompress(base64.b85decode(text or "")))
            if reading == READING:
                return cls(looks, at, {name: Sight(*row) for name, row in rows.items()})
        except (ValueError, TypeError, zlib.error):
            pass
        return cls(0, 0.0, {})


@dataclass(frozen=True, slots=True)
class Look:
    """What a look saw: complete drops that are new or changed, with the stamps of their files; sub-folders that are
    incomplete, and for how many hours; those of them that went away; what is wrong with those that cannot be taken; and
    the hours since the look before."""

    arrived: Mapping[str, str]
    waiting: Mapping[str, float]
    gone: Sequence[str]
    problems: Sequence[str]
    elapsed: float
    memory: Memory

    def overdue(self, hours: float) -> list[str]:
        """Sub-folders that have become incomplete for so many hours since the look before."""
        return [name for name, waited in self.waiting.items() if waited >= hours > waited - self.elapsed]


def look_at(watched: str, before: Memory, *, now: float, again: int = OPENED_AGAIN) -> Look:
    """Looks at the watched folder, local or behind an fsspec URL; `now` in seconds since the epoch. DropError where
    it is not there."""
    marks = {path: _mark(path) for path in drop_folders(watched)}
    number = before.looks + 1
    known = {path: before.sights[path] for path in marks if path in before.sights}
    stale = sorted(known, key=lambda path: known[path].look)[:again]
    sights = dict(known)
    for path, mark in marks.items():
        last = known.get(path)
        if last is None or last.mark != mark or last.since or path in stale:
            sights[path] = _sight(path, mark, look=number, since=(last.since if last else 0.0) or now)
    taken, problems = _taken(sights)
    problems += [f"{_base(path)!a}: {sight.problem}" for path, sight in sights.items() if sight.problem]
    earlier, _ = _taken(before.sights)
    return Look(
        arrived={name: stamp for name, stamp in taken.items() if earlier.get(name) != stamp},
        waiting={_base(path): (now - sight.since) / 3600 for path, sight in sights.items() if sight.since},
        gone=[_base(path) for path, sight in before.sights.items() if sight.since and path not in marks],
        problems=problems,
        elapsed=(now - before.at) / 3600,
        memory=Memory(number, now, sights),
    )


def _taken(sights: Mapping[str, Sight]) -> tuple[dict[str, str], list[str]]:
    """The stamp of each drop, and what is wrong where two folders are called alike: none of them is taken."""
    folders: dict[str, list[str]] = {}
    for path, sight in sights.items():
        if sight.name:
            folders.setdefault(sight.name, []).append(path)
    doubled = {name: paths for name, paths in folders.items() if len(paths) > 1}
    problems = [
        f"{name}: {' and '.join(repr(_base(path)) for path in paths)} both call themselves that; rename one"
        for name, paths in doubled.items()
    ]
    return {name: sights[paths[0]].stamp for name, paths in folders.items() if len(paths) == 1}, problems


def _sight(path: str, mark: str, *, look: int, since: float) -> Sight:
    """The sub-folder, opened. `since` is when it was first seen, for where it is incomplete."""
    incomplete = Sight(mark, "", "", "", since, look)
    try:
        files = drop_files(path)
        listing = files.listing()
        if not is_complete(listing):
            return incomplete
        stamp = digest(*(f"{info.name} {info.stamp}" for info in listing), str(READING), size=8)
        return replace(incomplete, name=name_of(files), stamp=stamp, since=0.0)
    except (DropError, OSError) as error:
        return replace(incomplete, problem=str(error), since=0.0)


def _mark(path: str) -> str:
    """The times of the folder and of what says that it is complete; nothing of an object store, which has none."""
    if "://" in path:
        return ""
    return " ".join(str(_modified(place)) for place in (path, f"{path}/{MARKER}", f"{path}/{MANIFEST}"))


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
