"""The files of a drop, wherever they are: listed, opened, decompressed, and never left.

A drop is a folder, local, in an object store or behind any fsspec URL. Every name here is relative to it, with forward
slashes. Nothing that a row or a link says can reach outside.
"""

import errno
import hashlib
import io
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import fsspec
from fsspec.spec import AbstractFileSystem

from ops.core.errors import AssayError
from ops.core.printable import printable_name, unfit_file_name
from ops.core.regular_files import open_regular
from ops.intake.decompression import CHUNK_BYTES, Expanded, compression_of, read_chunk
from ops.intake.row import RowError

HEAD_BYTES = 1 << 16
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]{1,20}://|^data:", re.ASCII)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


class DropError(AssayError, ValueError):
    """A drop that cannot be taken in: says the file, what is wrong and the fix."""


class NotAFileError(OSError):
    """What bears the name is no regular file of the drop; `outside` where it is a link that leaves the drop."""

    def __init__(self, name: str, *, outside: bool) -> None:
        super().__init__("it is a link that leaves the drop" if outside else "it is a folder, a pipe or a device")
        self.name = name
        self.outside = outside


OUTSIDE = "outside"
"""Stamp of what is listed but never opened: a link that leaves the drop, a pipe, a device."""
UNFIT = "unfit"
"""Stamp of a file whose name the lake cannot hold; it is listed under an escaped name, and never opened."""


class Inflated(Protocol):
    """Where the content of compressed files is kept, so that it can be read from anywhere."""

    def open(self, name: str, start: int) -> BinaryIO | None:
        """The content of a file from byte `start`; None where it is not kept."""
        ...


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of the drop: its name in it, its size, and what tells that it changed."""

    name: str
    size: int
    stamp: str


class RemoteFiles(Protocol):
    """The files of a drop that is no local folder. Picklable. What it says of a store that does not answer must be no
    OSError: that would be taken for a fault of the file, and its rows put into quarantine."""

    def listing(self) -> Iterator[FileInfo]:
        """Every file, in any order."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The bytes of a file; FileNotFoundError where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class UrlFiles:
    """The files behind a URL that fsspec knows."""

    url: str

    def listing(self) -> Iterator[FileInfo]:
        system, base = self._system()
        system.invalidate_cache()
        for path, info in system.find(base, detail=True).items():
            size = int(info.get("size") or 0)
            stamp = info.get("ETag") or info.get("LastModified") or info.get("mtime")
            yield FileInfo(path[len(base) :].lstrip("/"), size, f"{size}:{stamp}")

    def open(self, name: str) -> BinaryIO:
        system, base = self._system()
        return system.open(f"{base}/{name}", "rb")

    def folder_names(self) -> list[str]:
        """The names of the folders right in it."""
        system, base = self._system()
        system.invalidate_cache()
        entries = system.ls(base, detail=True)
        return [entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "directory"]

    def _system(self) -> tuple[AbstractFileSystem, str]:
        try:
            system, base = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise DropError(f"drop {self.url}: {error}; install that package, or copy the drop to a folder") from None
        return system, base.rstrip("/")


@dataclass(frozen=True, slots=True)
class DropFiles:
    """The files under `root`, a folder; or those of `remote`, whose address `root` then is."""

    root: str
    inflated: Inflated | None = None
    remote: RemoteFiles | None = None

    @property
    def local(self) -> bool:
        return self.remote is None

    def listing(self) -> list[FileInfo]:
        """Every file, in order of names, hidden ones left out. Links to folders are not followed."""
        files = _fit(self._local_listing() if self.remote is None else self._remote_listing(self.remote))
        return sorted(files, key=lambda info: info.name)

    def open(self, name: str) -> BinaryIO:
        """The bytes of a file as they are. `FileNotFoundError` where there is none, `NotAFileError` where it is none:
        a pipe, which would wait for ever, or a link out of the drop."""
        return self._open_local(name) if self.remote is None else self.remote.open(name)

    def expanded(self, name: str, *, expansion: int, start: int = 0) -> BinaryIO:
        """The content of a file from byte `start`: decompressed if it is gzip or zstd, whatever its name.

        Reading raises `RowError("file_bomb")` once the content is more than `expansion` times the file.
        """
        kept = self.inflated.open(name, start) if self.inflated is not None else None
        if kept is not None:
            return kept
        raw = self.open(name)
        kind = compression_of(raw)
        raw.seek(0 if kind else start)
        if not kind:
            return raw
        stream = Expanded(raw, kind, expansion=expansion)
        stream.skip(start)
        return io.BufferedReader(stream, CHUNK_BYTES)

    def compressed(self, name: str) -> bool:
        """Whether the file is gzip or zstd."""
        with self.open(name) as raw:
            return bool(compression_of(raw))

    def size(self, name: str) -> int:
        """How many bytes the file has."""
        with self.open(name) as raw:
            return raw.seek(0, os.SEEK_END)

    def head(self, name: str, *, size: int = HEAD_BYTES) -> bytes:
        """The first bytes of the content of a file, decompressed."""
        with self.expanded(name, expansion=1 << 20) as stream:
            return read_chunk(stream, size)

    def sha256(self, name: str) -> str:
        """Hash of a file's bytes."""
        with self.open(name) as stream:
            state = hashlib.sha256()
            while chunk := stream.read(CHUNK_BYTES):
                state.update(chunk)
            return state.hexdigest()

    def read_image(self, path: str, folders: tuple[str, ...], *, max_bytes: int) -> bytes:
        """The bytes of an image that a row names, looked for in each of `folders`.

        Raises `RowError`: a URL, a path out of the drop (absolute, by `..` or by a link), a file missing or too large.
        """
        name = check_path(path)
        for folder in folders:
            inside = posixpath.normpath(posixpath.join(folder, name))
            if inside.startswith(".."):
                raise RowError("path_outside_drop", path[:200])
            data = self._read(inside, path, max_bytes=max_bytes)
            if data is not None:
                return data
        raise RowError("image_missing", path[:500])

    def _read(self, inside: str, path: str, *, max_bytes: int) -> bytes | None:
        try:
            with self.open(inside) as stream:
                data = stream.read(max_bytes + 1)
        except NotAFileError as error:
            raise RowError(
                "path_outside_drop" if error.outside else "image_missing", f"{path[:200]}: {error}"
            ) from None
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return None
        except OSError as error:
            raise RowError("image_missing", f"{path[:200]}: {error.strerror or error}") from None
        if len(data) > max_bytes:
            raise RowError("image_bytes", f"{path[:200]} has more than {max_bytes} bytes")
        return data

    def _open_local(self, name: str) -> BinaryIO:
        full = os.path.join(self.root, name)
        if not _inside(full, os.path.realpath(self.root)):
            raise NotAFileError(name, outside=True)
        try:
            return open_regular(full)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise NotAFileError(name, outside=False) from None

    def _local_listing(self) -> Iterator[FileInfo]:
        root = os.path.realpath(self.root)
        folders = [root]  # not os.walk: it leaves out what it cannot list, and counts on the stack for each level
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except OSError as error:
                raise DropError(f"{error.filename}: the folder cannot be listed: {error.strerror}") from None
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                inside = os.path.relpath(entry.path, root).replace(os.sep, "/")
                yield FileInfo(inside, *self._stamped(entry.path, root))

    @staticmethod
    def _stamped(full: str, root: str) -> tuple[int, str]:
        if not (os.path.isfile(full) and _inside(full, root)):
            return 0, OUTSIDE
        facts = os.stat(full)
        return facts.st_size, f"{facts.st_size}:{facts.st_mtime_ns}"

    @staticmethod
    def _remote_listing(remote: RemoteFiles) -> Iterator[FileInfo]:
        for info in remote.listing():
            if not any(step.startswith(".") for step in info.name.split("/")):
                yield info


def open_drop(path: str | Path) -> DropFiles:
    """The files of the drop at `path`; `DropError` where there is no such folder."""
    text = str(path)
    if text.startswith("file://"):
        text = text[len("file://") :]
    if "://" in text:
        return DropFiles(text.rstrip("/"), remote=UrlFiles(text.rstrip("/")))
    if not Path(text).is_dir():
        problem = "is a file, not a folder" if Path(text).exists() else "does not exist"
        raise DropError(f"drop {text}: {problem}; name the folder that holds the rows and the images")
    return DropFiles(os.path.realpath(text))


def check_path(path: str) -> str:
    """The path of an image if it may be looked for at all: not a URL, not absolute, no NUL."""
    if _URL.match(path):
        raise RowError("image_url", path[:200])
    if path.startswith(("/", "\\", "~")) or _DRIVE.match(path):
        raise RowError("path_outside_drop", path[:200])
    if not path.strip() or "\x00" in path or len(path) > 4096:
        raise RowError("image_missing", f"not a path: {path[:80]!r}")
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise RowError("encoding", f"the path {path[:80]!a}")
    return path


def _inside(full: str, root: str) -> bool:
    return os.path.realpath(full).startswith(root.rstrip("/") + "/")


def _fit(files: Iterable[FileInfo]) -> Iterator[FileInfo]:
    """The files, those with unfit names under names that the lake can hold and no other file has."""
    unfit: list[FileInfo] = []
    names: set[str] = set()
    for info in files:
        if unfit_file_name(info.name):
            unfit.append(info)
        else:
            names.add(info.name)
            yield info
    for info in sorted(unfit, key=lambda info: info.name):
        name = printable_name(info.name)
        while name in names:
            name += "~"
        names.add(name)
        yield FileInfo(name, info.size, UNFIT)
