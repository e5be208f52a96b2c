"""Places as people write them: local paths in one spelling, and addresses in an object store."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from ops.core.errors import AssayError

_ADDRESS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):(//?)(.*)$", re.DOTALL)

_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|\\")


class PlaceError(AssayError, ValueError):
    """What was written names no place that can be used; the message says what does."""


def is_address(place: str | Path) -> bool:
    """Whether it names a place in a store, such as s3://bucket/lake, and not a local path."""
    matched = _ADDRESS.match(str(place))
    return matched is not None and matched[1].lower() != "file"


def plain_place(place: str | Path) -> str:
    """The one spelling of a lake's place: an absolute local path without `~`, `.`, `..` and needless slashes, or an
    address without the latter two. Links keep their names: what they lead to may differ from machine to machine.

    Raises PlaceError for an address that names no place, and for a name that delta-rs would read as another one.
    """
    plain = plain_address(place) if is_address(place) else str(local_path(place, "the lake"))
    if misread := _MISREAD.search(plain):
        raise PlaceError(
            f"{plain}: a lake cannot lie there, for Delta reads {misread[0]!r} otherwise; rename the folder"
        )
    return plain


def local_path(place: str | Path, owner: str) -> Path:
    """The local path in its one spelling; file:// URLs are local too. `owner` is what it is the place of.

    Raises PlaceError for an address in a store: taken for a path it would become a local folder of that name.
    """
    if is_address(place):
        raise PlaceError(f"{owner}: {_as_written(place)} is an address in a store; only a local folder will do here")
    text = str(place)
    if matched := _ADDRESS.match(text):
        text = unquote("/" + matched[3].removeprefix("localhost/") if matched[2] == "//" else "/" + matched[3])
    if "\0" in text:
        raise PlaceError(f"{owner}: {text!r} has a NUL, which no path may hold")
    path = Path(os.path.expanduser(re.sub("^/+", "/", text))).absolute()
    if ".." not in path.parts:
        return path
    # What `..` leads to depends on the links before it.
    last = len(path.parts) - path.parts[::-1].index("..")
    return Path(os.path.realpath(Path(*path.parts[:last])), *path.parts[last:])


def plain_address(place: str | Path) -> str:
    """The one spelling of an address in a store. PlaceError where it names no place."""
    matched = _ADDRESS.match(str(place))
    parts = [part for part in matched[3].split("/") if part not in ("", ".")] if matched else []
    nameless = matched is not None and matched[3].startswith("/")  # hdfs:///folder: which store is anyone's guess
    if matched is None or matched[2] != "//" or nameless or not parts or ".." in parts:
        raise PlaceError(f"{place}: is no address of a place; write it like s3://bucket/folder, without `..`")
    return f"{matched[1].lower()}://{'/'.join(parts)}"


def _as_written(place: str | Path) -> str:
    """`Path` swallows one slash of an address."""
    return re.sub(r":/(?!/)", "://", str(place), count=1)
