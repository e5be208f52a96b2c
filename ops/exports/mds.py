"""MosaicML Streaming (MDS): binary shards with random access, and the indexes that its readers look for.

A shard is the number of samples, the offset of each sample and of the end (unsigned 32-bit, little-endian), the
description of the columns as JSON, and the samples: the sizes of the columns whose size varies, then the columns, in
the order of their names. Source: the format's documentation and its reader.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ops.exports.contract import Export, Record, WrittenShard
from ops.exports.jsonl import row

RECIPE = """\
    from streaming import StreamingDataset
    everything = StreamingDataset(local="sft", shuffle=False, batch_size=1)     # in the order of the curriculum
    first = StreamingDataset(local="sft/stage-00", shuffle=False, batch_size=1)

A sample has `record` (messages and facts, JSON) and `pictures`: JSON of the byte ranges in `bytes`, one for each image
part of the messages.
"""
# Names in alphabetical order, encodings of the format, sizes (None where they vary).
_COLUMNS = (("bytes", "bytes", None), ("pictures", "json", None), ("record", "json", None), ("weight", "float64", 8))
_LIMIT = 2**32 - 1


def write(records: Sequence[Record], path: Path) -> Mapping[str, Any]:
    """One shard file; ValueError where it would pass the 4 GB that its offsets can name."""
    samples = [_sample(record) for record in records]
    head = json.dumps(_config(), sort_keys=True).encode()
    start = 4 + 4 * (len(samples) + 1) + len(head)
    offsets = start + np.cumsum([0, *map(len, samples)], dtype=np.uint64)
    if offsets[-1] > _LIMIT:
        raise ValueError(f"{path.name}: {offsets[-1]:,} bytes in one shard, the format allows {_LIMIT:,}")
    with path.open("wb") as out:
        out.write(np.uint32(len(samples)).tobytes() + offsets.astype("<u4").tobytes() + head)
        out.writelines(samples)
    return {}


def _sample(record: Record) -> bytes:
    pictures = [picture.data() for picture in record.pictures]
    ends = np.cumsum([0, *map(len, pictures)]).tolist()
    ranges = list(pairwise(ends))
    parts = [b"".join(pictures), json.dumps(ranges).encode(), json.dumps(row(record), ensure_ascii=False).encode()]
    sizes = np.array([len(part) for part in parts], dtype="<u4").tobytes()
    return b"".join([sizes, *parts, np.float64(record.weight).tobytes()])


def _config() -> dict[str, Any]:
    names, encodings, sizes = zip(*_COLUMNS, strict=True)
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": None,
        "column_names": list(names),
        "column_encodings": list(encodings),
        "column_sizes": list(sizes),
    }


def finish(folder: Path, shards: Sequence[WrittenShard]) -> list[Path]:
    """Move the shards into a folder a stage, with an index for each stage and one for the kind."""
    made: list[Path] = []
    for kind, of_kind in groupby(shards, key=lambda done: done.shard.kind):
        everything: list[dict[str, Any]] = []
        for stage, group in groupby(of_kind, key=lambda done: done.shard.stage):
            name = f"stage-{stage:02d}"
            (folder / kind / name).mkdir(exist_ok=True)
            entries: list[dict[str, Any]] = []
            for number, done in enumerate(group):
                target = folder / kind / name / f"shard.{number:05d}.mds"
                (folder / done.file.path).rename(target)
                made.append(target)
                entries.append(_entry(target.name, done))
            everything += [{**entry, "raw_data": _under(name, entry["raw_data"])} for entry in entries]
            made.append(_index(folder / kind / name, entries))
        made.append(_index(folder / kind, everything))
    return made


def _entry(name: str, done: WrittenShard) -> dict[str, Any]:
    raw = {"basename": name, "bytes": done.file.size, "hashes": {}}
    return {**_config(), "samples": done.file.records, "raw_data": raw, "zip_data": None}


def _under(folder: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    return {**raw, "basename": f"{folder}/{raw['basename']}"}


def _index(folder: Path, entries: list[dict[str, Any]]) -> Path:
    path = folder / "index.json"
    path.write_text(json.dumps({"version": 2, "shards": entries}, sort_keys=True), encoding="utf-8")
    return path


EXPORT = Export(
    name="mds",
    title="MosaicML Streaming shards",
    suffix=".mds",
    recipe=RECIPE,
    write=write,
    finish=finish,
    merges=True,
)
