"""Tar shards, as WebDataset and img2dataset write them: files that follow each other and share a name up to its first
dot are one record, whose fields are the extensions. Nothing is extracted. Headers are read one by one, so that what a
header claims is checked before it is believed, and the file is cut where samples begin."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ops.drop_files import CHUNK_BYTES, DropFiles
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.formats.contract import RowError

_BLOCK = 512
_HEADER_BYTES = 1 << 16  # of a long name or of extended attributes
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


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
        self.seekable = seekable

    def member(self) -> _Member | None:
        start, name, size = self.position, None, None
        while header := self._header():
            if header.type not in (*_EXTENDED, *_LONG):
                return _Member(name or header.name, header.size if size is None else size, header.type, start)
            if header.size > _HEADER_BYTES:
                raise RowError("file_unreadable", f"a tar header of {header.size} bytes")
            data = self.data(header.size)
            if header.type == tarfile.GNUTYPE_LONGNAME:
                name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                name, size = _extended(data, name, size)
        return None

    def data(self, size: int) -> bytes:
        data = self._take(size)
        self.skip(-size % _BLOCK)
        return data

    def skip(self, size: int) -> None:
        if self.seekable:
            self.stream.seek(size, 1)
            self.position += size
            return
        while size > 0 and (got := len(self.stream.read(min(size, CHUNK_BYTES)))):
            size -= got
            self.position += got

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
        if header.size < 0:
            raise RowError("file_unreadable", f"a tar member of {header.size} bytes")
        return header

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
        if not length.isdigit() or not 0 < int(length) <= len(data):
            raise RowError("file_unreadable", "a broken extended tar header")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif key == b"size" and value.isdigit():
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
            pass  # the reader of the last shard meets it again and says where
    return [*shards, Shard(file, begin, tar.position, first, tar.position - begin)]


def _padded(member: _Member) -> int:
    size = member.size if member.kind in _REGULAR else 0
    return size + -size % _BLOCK


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    tar = _tar(files, shard.file, limits, shard.start)
    row = shard.row
    sample: dict[str, Any] = {}
    held: set[str] = set()
    with tar.stream:
        while tar.position < shard.stop:
            member = tar.member()
            if member is None:
                break
            if sample and member.kind != tarfile.DIRTYPE and not member.continues(held):
                yield _record(row, sample, limits)
                row, sample, held = row + 1, {}, set()
            if member.kind == tarfile.DIRTYPE:
                continue
            if not member.sound:
                yield Record(row, {"__key__": member.name}, problem=_problem(member))
                row, held = row + 1, set()
                tar.skip(_padded(member))
            else:
                sample.setdefault("__key__", member.key)
                held |= {"__key__" + member.key, member.field}
                _add(sample, member, tar, limits)
        if sample:
            yield _record(row, sample, limits)


def _problem(member: _Member) -> tuple[str, str]:
    name = ascii(member.name)[:200]
    if member.kind not in _REGULAR:
        return "tar_member", f"{name} is of tar type {member.kind!r}"
    return "path_outside_drop", f"tar member {name}"


def _add(sample: dict[str, Any], member: _Member, tar: _Tar, limits: Limits) -> None:
    held = sum(len(value) for value in sample.values() if isinstance(value, bytes))
    if held + member.size > limits.row_bytes:
        sample["__large__"] = f"{ascii(member.name)[:200]} has {member.size} bytes"
        tar.skip(_padded(member))
    else:
        sample[member.field] = tar.data(member.size)


def _record(row: int, sample: dict[str, Any], limits: Limits) -> Record:
    if "__large__" in sample:
        return Record(row, {"__key__": sample["__key__"]}, problem=("row_too_large", sample["__large__"]))
    return Record(row, sample)


CONTAINER = Container(
    name="tar", title="Tar (WebDataset, img2dataset)", recognise=_recognise, split=_split, read=_read, rank=95
)
