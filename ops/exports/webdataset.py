"""WebDataset: tar shards, one JSON and its pictures a sample, in the order of the curriculum."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from ops.exports.contract import Export, Record
from ops.exports.jsonl import row

RECIPE = """\
    import glob, webdataset
    stage = webdataset.WebDataset(sorted(glob.glob("sft/stage-00-*.tar")), shardshuffle=False).decode("pil")

A sample has `json` (messages and facts) and its pictures as `0.png`, `1.jpg`, ...: the n-th image part of the messages
is picture n. With one worker and no `shuffle()` samples come in the order of the curriculum; several workers take whole
shards in turn, which keeps the order of stages when each stage is a dataset of its own.
"""


def write(records: Sequence[Record], path: Path) -> None:
    """One tar; times, owners and modes are constant, so that the same records give the same bytes."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as out:
        for at, record in enumerate(records):
            # The place in the curriculum, and in the shard where an example is repeated.
            key = f"{record.position:010d}-{at:06d}"
            text = json.dumps(row(record), ensure_ascii=False).encode()
            _add(out, f"{key}.json", text)
            for number, picture in enumerate(record.pictures):
                _add(out, f"{key}.{number}{Path(picture.relative).suffix}", picture.data())


def _add(out: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    out.addfile(info, io.BytesIO(data))


EXPORT = Export(name="webdataset", title="WebDataset tar shards", suffix=".tar", recipe=RECIPE, write=write)
