"""A JSON array of objects, at the top of the file or under one key of a top object (`{"data": [...]}`); or a single
object, which is one row."""

from collections.abc import Iterator

from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.formats.containers.framing import ArrayFramer, Frame, cut, frames
from ops.formats.containers.json_text import opening, record
from ops.intake.drop_files import DropFiles


def _recognise(probe: Probe) -> bool:
    start = probe.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"[", b"{"))


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    start = opening(files.head(file))
    with files.expanded(file, expansion=limits.expansion, start=start or 0) as stream:
        if start is not None:
            return cut(stream, ArrayFramer(), start=start, file=file, shard_bytes=shard_bytes)
        size = len(stream.read(limits.row_bytes + 1))
        return [Shard(file, 0, size, -1, size)]


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    with files.expanded(shard.file, expansion=limits.expansion, start=shard.start) as stream:
        if shard.row < 0:
            data = stream.read(limits.row_bytes + 1)
            large = len(data) > limits.row_bytes
            yield record(Frame(data[: limits.row_bytes], large=large), row=0, data=data.removeprefix(b"\xef\xbb\xbf"))
            return
        for row, frame in enumerate(frames(stream, ArrayFramer(), shard, limits), start=shard.row):
            yield from _element(frame, row)


def _element(frame: Frame, row: int) -> Iterator[Record]:
    if frame.open:
        detail = f"the array does not end: a bracket or a quote is missing in or after element {row}"
        yield Record(row, raw=frame.data, problem=("file_unreadable", detail))
        return
    data = frame.data.strip()
    data = data[:-1].rstrip() if data.endswith((b",", b"]")) and not frame.large else data
    if data:
        yield record(frame, row=row, data=data)


CONTAINER = Container(name="json_array", title="JSON array", recognise=_recognise, split=_split, read=_read, rank=10)
