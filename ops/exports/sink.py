"""Where an export's files are written: under a temporary name first, then moved into place, with their checksums."""

import hashlib
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

UNFINISHED = ".unfinished"
"""Folder in the export's own that holds what is needed to continue; it goes when the export is whole."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished file: its name below the export's folder, size, SHA-256 and number of rows."""

    name: str
    bytes: int
    sha256: str
    rows: int


class Sink:
    """Takes the files of one step of an export into `folder`.

    Every name must be a plain relative path: one that could leave the folder is an error, whatever put it there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[WrittenFile] = []

    @contextmanager
    def open(self, name: str) -> Generator[IO[bytes], None, None]:
        """A new file of the export, there under its name only when the block ends well; `count_rows` says later how
        many rows it holds."""
        target = self._inside(self.folder, name)
        unfinished = self._inside(self.folder / UNFINISHED / "files", f"{name}.{os.getpid()}")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            yield file
        self._take(unfinished, target, name)

    def count_rows(self, rows: Mapping[str, int]) -> None:
        """How many rows the written files of these names hold."""
        self.written = [replace(file, rows=rows.get(file.name, file.rows)) for file in self.written]

    def part(self, name: str) -> Path:
        """A scratch file that `finish` will read; it is no file of the export."""
        path = self._inside(self.folder / UNFINISHED / "parts", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def take_folder(self, made: Path, name: str) -> None:
        """Move the files of a folder that a library wrote into the folder `name` of the export."""
        for path in sorted(path for path in made.rglob("*") if path.is_file()):
            inner = f"{name}/{path.relative_to(made).as_posix()}"
            self._take(path, self._inside(self.folder, inner), inner)

    def _take(self, made: Path, target: Path, name: str) -> None:
        with made.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        size = made.stat().st_size
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, target)
        self.written.append(WrittenFile(name, size, checksum, 0))

    @staticmethod
    def _inside(folder: Path, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\\" in name or "\0" in name:
            raise ValueError(f"{name!r} is no name of a file below the export's folder")
        return folder / pure
