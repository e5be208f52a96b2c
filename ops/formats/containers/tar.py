"""Tar shards, as WebDataset and img2dataset write them: files that follow each other and share a name up to its first
dot are one record, whose fields are the extensions. Nothing is extracted. Headers are read one by one, so that what a
header claims is checked before it is believed, and the file is cut where samples begin."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ops.core.json_values import Cell
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.intake.decompression import CHUNK_BYTES
from ops.intake.drop_files import DropFiles
from ops.intake.row import RowError

_BLOCK = 512
_HEADER_BYTES = 1 << 16  # of a long name or of extended attributes
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
# Of these no data follow, whatever size their header claims; of every other type, known or not, they do.
_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
_SPARSE_GOES_ON, _SPARSE_PART_GOES_ON = 482, 504  # where a sparse file's header, and a part of its map, say so
_LARGEST = 1 << 60


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    kind: bytes
    start: int  # where its first header begins

    @property
    def key(self) -> str:
        folder, slash, name = self.name.rpartition("/")
        return folder + slash + name.partition(".")[0]

    @property
    def field(self) -> str:
        return self.name.rpartition("/")[2].partition(".")[2].lower()

    @property
    def sound(self) -> bool:
        """Whether it is a file inside the tar's own tree."""
        outside = self.name.startswith(("/", "\\")) or ".." in self.name.split("/") or "\0" in self.name
        return self.kind in _REGULAR and not outside

    def continues(self, held: set[str]) -> bool:
        """Whether it belongs to the sample whose key and fields are `held`."""
        return self.sound and "__key__" + self.key in held and self.field not in held


class _Tar:
    """Members of a tar, read forward. After each member comes `data`, or the data is passed over."""

    def __init__(self, stream: BinaryIO, start: int, *, seekable: bool) -> None:
        self.stream = stream
        self.position = start
        self.end = stream.seek(0, 2) if seekable else None
        if seekable:
            stream.seek(start)

    def member(self) -> _Member | None:
        start, name, size, sparse = self.position, None, None, False
        while header := self._header():
            if header.type not in (*_EXTENDED, *_LONG):
                kind = tarfile.GNUTYPE_SPARSE if sparse else header.type
                return _Member(name or header.name, header.size if size is None else size, kind, start)
            if header.size > _HEADER_BYTES:
                raise RowError("file_unreadable", f"a tar header of {header.size} bytes")
            data = self.data(header.size)
            if header.type == tarfile.GNUTYPE_LONGNAME:
                name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                name, size = _extended(data, name, size)
                sparse = sparse or b" GNU.sparse." in data
        return None

    def data(self, size: int) -> bytes:
        data = self._take(size)
        self.skip(-size % _BLOCK)
        return data

    def skip(self, size: int) -> None:
        """Passes over data. `RowError` where there is not so much; the padding of the last block may be missing."""
        if self.end is not None:
            left = min(size, max(0, self.end - self.position))
            self.stream.seek(left, 1)
            self.position += left
            size -= left
        while size > 0 and (got := len(self.stream.read(min(size, CHUNK_BYTES)))):
            size -= got
            self.position += got
        if size >= _BLOCK:
            raise RowError("file_unreadable", f"the tar ends {size} bytes too early")

    def _header(self) -> tarfile.TarInfo | None:
        # Blocks of zeros end a tar, but tars that were joined by `cat` go on behind them.
        block = bytes(_BLOCK)
        while block and not block.strip(b"\0"):
            block = self.stream.read(_BLOCK)
            self.position += len(block)
        if not block:
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise RowError("file_unreadable", f"tar header at byte {self.position - len(block)}: {error}") from None
        if not 0 <= header.size < _LARGEST:
            raise RowError("file_unreadable", f"a tar member of {header.size} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            self._skip_sparse_map(block[_SPARSE_GOES_ON])
        return header

    def _skip_sparse_map(self, goes_on: int) -> None:
        while goes_on:
            goes_on = self._take(_BLOCK)[_SPARSE_PART_GOES_ON]

    def _take(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.position += len(data)
        if len(data) < size:
            raise RowError("file_unreadable", f"the tar ends {size - len(data)} bytes too early")
        return data


def _extended(data: bytes, name: str | None, size: int | None) -> tuple[str | None, int | None]:
    """Name and size out of a PAX header: lines of `<length> <key>=<value>`."""
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or len(length) > 6 or not 0 < int(length) <= len(data):
            raise RowError("file_unreadable", "a broken extended tar header")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif key == b"size":
            if not value.isdigit() or len(value) > 18:
                raise RowError("file_unreadable", "an extended tar header with a broken size")
            size = int(value)
        data = data[int(length) :]
    return name, size


def _recognise(probe: Probe) -> bool:
    return probe.head[257:262] == b"ustar"


def _tar(files: DropFiles, file: str, limits: Limits, start: int) -> _Tar:
    stream = files.expanded(file, expansion=limits.expansion, start=start)
    return _Tar(stream, start, seekable=stream.seekable())


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    tar = _tar(files, file, limits, 0)
    shards: list[Shard] = []
    begin, first, row = 0, 0, -1
    held: set[str] = set()
    with tar.stream:
        try:
            while member := tar.member():
                if member.kind != tarfile.DIRTYPE and not member.continues(held):
                    row += 1
                    if member.start - begin >= shard_bytes:
                        shards.append(Shard(file, begin, member.start, first, member.start - begin))
                        begin, first = member.start, row
                    held = set()
                if member.sound:
                    held |= {"__key__" + member.key, member.field}
                tar.skip(_padded(member))
        except RowError:
            tar.position += 1  # the reader of the last shard looks there too, meets it again, and says where
    return [*shards, Shard(file, begin, tar.position, first, tar.position - begin)]


def _padded(member: _Member) -> int:
    size = 0 if member.kind in _WITHOUT_DATA else member.size
    return size + -size % _BLOCK


@dataclass(slots=True)
class _Sample:
    """The members of a record so far."""

    key: str = ""
    fields: dict[str, Cell] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    size: int = 0
    problem: tuple[str, str] | None = None

    def add(self, member: _Member, tar: _Tar, limits: Limits) -> None:
        self.key = self.key or member.key
        self.held |= {"__key__" + member.key, member.field}
        self.size += member.size
        if self.size > limits.row_bytes:
            self.problem = self.problem or ("row_too_large", f"{ascii(member.name)[:200]} has {member.size} bytes")
        elif member.field == "__key__":
            self.problem = self.problem or ("tar_member", f"{ascii(member.name)[:200]} has the name of the key itself")
        else:
            self.fields[member.field] = tar.data(member.size)
            return
        tar.skip(_padded(member))

    def record(self, row: int) -> Record:
        """The sample as a record."""
        if self.problem:
            return Record(row, {"__key__": self.key}, problem=self.problem)
        return Record(row, {"__key__": self.key, **self.fields})


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    tar = _tar(files, shard.file, limits, shard.start)
    row = shard.row
    sample: _Sample | None = None
    with tar.stream:
        while tar.position < shard.stop:
            try:
                member = tar.member()
            except RowError:
                if sample is not None:
                    yield sample.record(row)
                raise
            if member is None:
                break
            if member.kind == tarfile.DIRTYPE:
                continue
            if sample is not None and not member.continues(sample.held):
                yield sample.record(row)
                row, sample = row + 1, None
            if member.sound:
                sample = sample or _Sample()
                sample.add(member, tar, limits)
            else:
                yield Record(row, {"__key__": member.name}, problem=_problem(member))
                row += 1
                tar.skip(_padded(member))
        if sample is not None:
            yield sample.record(row)


def _problem(member: _Member) -> tuple[str, str]:
    name = ascii(member.name)[:200]
    if member.kind not in _REGULAR:
        return "tar_member", f"{name} is of tar type {member.kind!r}"
    return "path_outside_drop", f"tar member {name}"


CONTAINER = Container(
    name="tar", title="Tar (WebDataset, img2dataset)", recognise=_recognise, split=_split, read=_read, rank=95
)
