"""What only the user of a run may read: a folder of mode 0700, and in it the token that this user's Ray wants of
everyone who speaks to it."""

import atexit
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from resources.engines.processes import has_ended, process_name
from resources.storage.state import user_state

FOLDER, TOKEN, OWNER = ".private", "ray_token", ".assay-owner"


def private_folder(lake: str | None) -> Path:
    """The folder, made where it is not there: `LAKE/.private`; where there is no such lake (none, or one in an object
    store), or it is another user's or cannot be closed to others, the like of it in the user's own state folder."""
    places = [user_state() / FOLDER]
    if lake and "://" not in lake:
        places.insert(0, Path(lake) / FOLDER)
    for place in places:
        if _closed(place):
            return place
    return Path(tempfile.mkdtemp(prefix="assay-"))


def _closed(folder: Path) -> bool:
    """Makes the folder and closes it to others; False where that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_open(folder) and folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
            folder.chmod(0o700)
    except OSError:
        return False
    return not is_open(folder)


def is_open(path: Path) -> bool:
    """Whether another user (root aside) may get at it, or it is no file or folder of this user's own."""
    status = path.lstat()
    return stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or bool(stat.S_IMODE(status.st_mode) & 0o077)


def passing_folder(prefix: str, *, within: str | None = None, first: Callable[[], object] | None = None) -> Path:
    """A new folder of mode 0700, removed with all that is in it when this process ends; `first` is called before. Those
    of processes that were killed go now."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    (folder / OWNER).write_text(process_name())
    sweep_passing(folder.parent)
    process = os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # and not a child that was forked
            if first is not None:
                first()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def sweep_passing(place: Path | None = None) -> None:
    """Removes the passing folders in `place` (the system's temporary folder where None) of processes that were killed
    and could not remove theirs."""
    for owner in (place or Path(tempfile.gettempdir())).glob(f"*/{OWNER}"):
        try:
            if not is_open(owner.parent) and has_ended(owner.read_text()):
                shutil.rmtree(owner.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue  # another user's, or removed meanwhile


def token_file(folder: Path) -> Path:
    """The file of the token in that folder, mode 0600, made on first use."""
    path = folder / TOKEN
    if path.exists():
        if is_open(path):
            path.chmod(0o600)
        return path
    # Made elsewhere and then named: a second process sees the whole token or none. mkstemp gives the mode 0600.
    handle, made = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_hex(32))
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(made)
    return path
