"""Which drops lie in a folder, and what they are called."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from ops.intake.drop import check_finished, check_name, data_files, is_name, read_manifest
from ops.intake.drop_files import DropError, DropFiles, FileInfo
from resources.config.places import PlaceError, local_path
from resources.storage.drops import drop_files, folder_names

#: Bytes that a row takes at least, and files that are looked at to tell how many rows a drop has at most.
_ROW_BYTES, _FEW_FILES = 40, 5_000


def drop_name(path: str) -> str:
    """The name of the drop at that path: what its drop.yaml says, else the folder's name. DropError where neither can
    name a drop."""
    return name_of(drop_files(path))


def drop_at(watched: str, name: str) -> str | None:
    """Path of the sub-folder of the watched folder that holds the drop of that name; of several, the one that is called
    so. What is wrong with another folder does not count."""
    # Most drops are called as their folder is: the others need not be opened, which would cost as much as there are.
    for path in chain(_called(watched, name), drop_folders(watched)):
        try:
            if drop_name(path) == name:
                return path
        except DropError:
            continue
    return None


def still_holds(source: str, names: Iterable[str]) -> bool:
    """Whether a local folder is there with files of these names, and no upload goes on. Nothing is asked of a store
    that nobody named in this run."""
    if not source or "://" in source:
        return False
    try:
        listing = drop_files(source).listing()
        check_finished(listing)
    except (DropError, OSError):
        return False
    return set(names) <= {info.name for info in listing}


def most_rows(path: str) -> int | None:
    """How many rows a drop may hold, by the size of its files; None where a glance does not tell, as of a
    store, or a folder of many files."""
    if "://" in path:
        return None
    try:
        files = list(islice(_files(path), _FEW_FILES + 1))
        listing = [FileInfo(file.path, file.stat().st_size, "") for file in files]
    except OSError:  # the drop's own reader says what is wrong with it
        return None
    return None if len(files) > _FEW_FILES else sum(info.size for info in data_files(listing)) // _ROW_BYTES


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry


def drop_folders(watched: str) -> list[str]:
    """Paths, or URLs, of the sub-folders of a watched folder, in order of names; hidden ones left out. DropError where
    it is not there."""
    if "://" in watched:
        return _stored_folders(watched.rstrip("/"))
    try:
        folder = local_path(watched, "ingest.watched")
    except PlaceError as error:
        raise DropError(str(error)) from None
    if not folder.is_dir():
        raise DropError(f"{watched}: the watched folder does not exist; make it, or set ingest.watched")
    with os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def _called(watched: str, name: str) -> Iterator[str]:
    """The sub-folder of that name, where a drop can have it."""
    if is_name(name) and ("://" in watched or os.path.isdir(f"{watched}/{name}")):
        yield f"{watched.rstrip('/')}/{name}"


def _stored_folders(watched: str) -> list[str]:
    try:
        names = folder_names(watched)
    except OSError as error:
        raise DropError(
            f"{watched}: the watched folder cannot be listed ({error}); make it, or set ingest.watched"
        ) from None
    return sorted(f"{watched}/{name}" for name in names if name and not name.startswith("."))


def name_of(files: DropFiles) -> str:
    """The name of the drop of these files. DropError where nothing can name it."""
    return check_name(read_manifest(files).name or files.root.rstrip("/").rpartition("/")[2])
