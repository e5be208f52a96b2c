"""WebDataset tar files: `sft-stage-00-00000.tar`, ... and `preference-stage-00-00000.tar`, ... A sample's key is the
row's number among the rows of its kind, twelve digits; its `json` is the row of the format `trl`, and its pictures are
`0.jpg`, `1.png`, ... in the order in which the parts show them. Read the files in the order of their names, without a
shuffle, and the order is that of the curriculum."""

import io
import tarfile
from collections.abc import Iterable

from ops.exports.contract import Export, Member, Shard
from ops.exports.conversation import refuse_unjudged
from ops.exports.rows import json_line, table_row
from ops.exports.sink import Sink


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    name = f"{shard.name}.tar"
    with sink.open(name) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        count = sum(add_sample(tar, member) for member in members)
    sink.count_rows({name: count})
    return count


def add_sample(tar: tarfile.TarFile, member: Member) -> int:
    """Add the member's row and pictures; returns 1."""
    key = f"{member.order:012d}"
    table, row = table_row(member)
    _add(tar, f"{key}.json", json_line({"table": table, **row}))
    for number, picture in enumerate(member.pictures):
        _add(tar, f"{key}.{number}.{picture.ending}", picture.data())
    return 1


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A file without owner or time, so that the same rows give the same bytes."""
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(data))


_RECIPE = """\
    files = sorted(glob.glob("sft-stage-00-*.tar"))
    stage = webdataset.WebDataset(files, shardshuffle=False).decode("pil")

One stage after the other, without `shuffle()`. Several workers take whole files in turn, so the order inside a stage
holds with one worker only.
"""

EXPORT = Export(
    name="webdataset",
    title="WebDataset tar files",
    write=_write,
    recipe=_RECIPE,
    proof="`webdataset`",
    refuse=refuse_unjudged,
)
