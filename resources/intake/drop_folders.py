"""Which drops lie in a folder, what they are called, and whether all of each is there."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from ops.core.identity import digest
from ops.intake.drop import check_finished, check_name, is_complete, read_manifest
from ops.intake.drop_files import DropError, DropFiles, open_drop
from ops.intake.reading import READING
from resources.config.places import PlaceError, local_path


def drop_name(path: str) -> str:
    """The name of the drop at that path: what its drop.yaml says, else the folder's name. DropError where neither can
    name a drop."""
    return _name_of(open_drop(path))


def complete_drops(watched: str) -> tuple[dict[str, str], list[str]]:
    """The complete drops among the sub-folders of a folder, with a stamp of each one's files (names, sizes, times) and
    of the reading, and what is wrong with those that cannot be taken. A folder still being filled is neither; of two
    folders with one name, none is taken."""
    stamps: dict[str, str] = {}
    folders: dict[str, list[str]] = {}
    problems: list[str] = []
    for path in _folders(_watched_folder(watched)):
        try:
            files = open_drop(path)
            listing = files.listing()
            if is_complete(listing):
                name = _name_of(files)
                folders.setdefault(name, []).append(path.name)
                stamps[name] = digest(*(f"{f.name} {f.stamp}" for f in listing), str(READING), size=8)
        except DropError as error:
            problems.append(f"{path.name!a}: {error}")
    for name, several in folders.items():
        if len(several) > 1:
            del stamps[name]
            problems.append(f"{name}: {' and '.join(map(repr, several))} both call themselves that; rename one")
    return stamps, problems


def drop_at(watched: str, name: str) -> str | None:
    """Path of the sub-folder of the watched folder that holds the drop of that name; of several, the one that is called
    so. What is wrong with another folder does not count."""
    folder = _watched_folder(watched)
    # Most drops are called as their folder is: the others need not be opened, which would cost as much as there are.
    for path in chain((path for path in (folder / name,) if _is_drop_folder(path, folder)), _folders(folder)):
        try:
            if drop_name(str(path)) == name:
                return str(path)
        except DropError:
            continue
    return None


def still_holds(source: str, names: Iterable[str]) -> bool:
    """Whether a local folder is there with files of these names, and no upload goes on. Nothing is asked of a store
    that nobody named in this run."""
    if not source or "://" in source:
        return False
    try:
        listing = open_drop(source).listing()
        check_finished(listing)
    except (DropError, OSError):
        return False
    return set(names) <= {info.name for info in listing}


def _watched_folder(watched: str) -> Path:
    try:
        folder = local_path(watched, "ingest.watched")
    except PlaceError as error:
        raise DropError(str(error)) from None
    if not folder.is_dir():
        raise DropError(f"{watched}: the watched folder does not exist; make it, or set ingest.watched")
    return folder


def _folders(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.iterdir() if _is_drop_folder(path, folder))


def _is_drop_folder(path: Path, folder: Path) -> bool:
    return path.parent == folder and not path.name.startswith(".") and os.path.isdir(path)


def _name_of(files: DropFiles) -> str:
    return check_name(read_manifest(files).name or files.root.rstrip("/").rpartition("/")[2])
