"""Megatron-Energon: rows whose files are there are written as crude samples, and loaded once. What does not come is
dropped.

Argument: the file of the rows.
"""

import io
import json
import struct
import sys
import tarfile
from pathlib import Path
from typing import Any

from megatron_energon_reader import samples
from read_row import say


def main(rows: str) -> None:
    folder = Path(rows).parent
    written = write(folder, [json.loads(line) for line in Path(rows).read_text("utf-8").split("\n") if line])
    came = {int(sample.row["channel"]) for sample in samples(folder / "tars")}
    for number in written:
        say(number, {"outcome": "read" if number in came else "dropped"})


def write(folder: Path, rows: list[dict[str, Any]]) -> list[int]:
    """A prepared data set of the rows whose files are there; their numbers."""
    meta = folder / "tars" / ".nv-meta"
    meta.mkdir(parents=True)
    there = [row for row in rows if all((folder / path).is_file() for path in row["images"])]
    starts: list[int] = []
    with tarfile.open(folder / "tars" / "0.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in there:
            starts.append(tar.offset)
            key = f"{int(row['channel']):06d}"
            files = {f"{key}.json": json.dumps(row).encode()}
            files |= {
                f"{key}.{at}{Path(path).suffix}": (folder / path).read_bytes() for at, path in enumerate(row["images"])
            }
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        end = tar.offset
    (folder / "tars" / "0.tar.idx").write_bytes(struct.pack(f"{len(starts) + 1}Q", *starts, end))
    (meta / ".info.json").write_text(json.dumps({"shard_counts": {"0.tar": len(there)}}), "utf-8")
    (meta / "split.yaml").write_text("split_parts: {train: [0.tar], val: [], test: []}\n", "utf-8")
    (meta / "dataset.yaml").write_text("{__module__: megatron.energon, __class__: CrudeWebdataset}\n", "utf-8")
    return [int(row["channel"]) for row in there]


if __name__ == "__main__":
    main(*sys.argv[1:])
