"""Drops in an object store, read by the same client and with the same options as a lake there."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.fs as pafs

from ops.intake.drop_files import DropFiles, FileInfo, UrlFiles, open_drop
from resources.config.places import is_address
from resources.storage.schemes import SCHEMES
from resources.storage.storage import Storage

_BUFFER_BYTES = 1 << 20
_NAME_BYTES = 1000
"""No store has an object of a longer name; asked for by a row, it is missing, and no refusal of the store."""


@dataclass(frozen=True, slots=True)
class StoredDrop:
    """See `ops.intake.drop_files.RemoteFiles`."""

    storage: Storage

    def listing(self) -> Iterator[FileInfo]:
        filesystem, base = self.storage.open()
        with self.storage.reaching():
            infos = filesystem.get_file_info(pafs.FileSelector(base, allow_not_found=True, recursive=True))
        for info in infos:
            if info.type == pafs.FileType.File:
                yield FileInfo(info.path.removeprefix(f"{base}/"), info.size, f"{info.size}:{info.mtime_ns}")

    def open(self, name: str) -> BinaryIO:
        if len(name.encode("utf-8", "surrogatepass")) > _NAME_BYTES:
            raise FileNotFoundError(name)
        filesystem, base = self.storage.open()
        try:
            with self.storage.reaching():
                stream = filesystem.open_input_file(f"{base}/{name}")
        except pa.ArrowInvalid:
            raise FileNotFoundError(name) from None
        return io.BufferedReader(_Reading(stream, self.storage), _BUFFER_BYTES)


class _Reading(io.RawIOBase):
    """An open file of a store, whose silence is not taken for the file's end or for a fault of the file."""

    def __init__(self, stream: pa.NativeFile, storage: Storage) -> None:
        super().__init__()
        self.stream, self.storage = stream, storage

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        with self.storage.reaching():
            return self.stream.readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self.storage.reaching():
            return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def close(self) -> None:
        self.stream.close()
        super().close()


def folder_names(url: str) -> list[str]:
    """The names of the folders right in a folder of a store, or behind any other URL that fsspec knows. OSError where
    it cannot be listed."""
    if not _is_store(url):
        return UrlFiles(url).folder_names()
    storage = Storage.at(url)
    filesystem, base = storage.open()
    if isinstance(filesystem, pafs.GcsFileSystem):  # it lists folders only where an object marks them
        return sorted({name.partition("/")[0] for name in storage.sizes() if "/" in name})
    with storage.reaching():
        infos = filesystem.get_file_info(pafs.FileSelector(base))
    return [info.base_name for info in infos if info.type == pafs.FileType.Directory]


def drop_files(place: str | Path) -> DropFiles:
    """The files of a drop, in a local folder, in a store, or behind any other URL that fsspec knows. DropError where
    there is no such folder."""
    if _is_store(place):
        storage = Storage.at(place)
        return DropFiles(storage.root, remote=StoredDrop(storage))
    return open_drop(place)


def _is_store(place: str | Path) -> bool:
    return is_address(place) and str(place).partition(":")[0].lower() in SCHEMES
