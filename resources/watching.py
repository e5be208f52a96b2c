"""Which drops lie in a folder, what they are called, and whether all of each is there."""

from pathlib import Path

from ops.drop import check_name, is_complete, read_manifest
from ops.drop_files import DropError, open_drop
from ops.identity import digest
from resources.places import PlaceError, local_path


def drop_name(path: str) -> str:
    """The name of the drop at that path: what its drop.yaml says, else the folder's name. DropError where neither can
    name a drop."""
    files = open_drop(path)
    return check_name(read_manifest(files).name or files.root.rstrip("/").rpartition("/")[2])


def complete_drops(watched: str) -> tuple[dict[str, str], list[str]]:
    """The complete drops among the sub-folders of a folder, with a stamp of each one's files (names, sizes, times),
    and what is wrong with those that cannot be taken. A folder still being filled is neither."""
    folder = _watched(watched)
    if not folder.is_dir():
        raise DropError(f"{watched}: the watched folder does not exist; make it, or set ingest.watched")
    found: dict[str, str] = {}
    problems: list[str] = []
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        try:
            files = open_drop(path)
            if is_complete(files):
                found[drop_name(str(path))] = digest(*(f"{f.name} {f.stamp}" for f in files.listing()), size=8)
        except DropError as error:
            problems.append(f"{path.name}: {error}")
    return found, problems


def drop_at(watched: str, name: str) -> str | None:
    """Path of the sub-folder of the watched folder that holds the drop of that name."""
    for path in sorted(_watched(watched).iterdir()):
        if path.is_dir() and not path.name.startswith(".") and drop_name(str(path)) == name:
            return str(path)
    return None


def _watched(folder: str) -> Path:
    try:
        return local_path(folder, "ingest.watched")
    except PlaceError as error:
        raise DropError(str(error)) from None
