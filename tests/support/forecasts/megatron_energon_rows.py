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

from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    Sample,
    SampleDecoder,
    WorkerConfig,
    basic_sample_keys,
    edataclass,
    get_loader,
    get_train_dataset,
    stateless,
)
from read_row import say


@edataclass
class Row(Sample):
    """A row and its pictures."""

    row: dict
    pictures: list


@stateless
def cook(sample: dict[str, Any]) -> Row:
    names = [name for name in sample if name[:1].isdigit()]
    return Row(**basic_sample_keys(sample), row=sample["json"], pictures=[sample[name] for name in names])


class Encoder(DefaultTaskEncoder):
    """Takes crude samples as they are."""

    decoder = SampleDecoder(image_decode="pil")
    cookers = (Cooker(cook),)


def main(rows: str) -> None:
    folder = Path(rows).parent
    written = write(folder, [json.loads(line) for line in Path(rows).read_text("utf-8").split("\n") if line])
    loaded = get_train_dataset(
        folder / "tars",
        worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
        batch_size=None,
        shuffle_buffer_size=None,
        max_samples_per_sequence=None,
        shuffle_over_epochs_multiplier=None,
        parallel_shard_iters=1,
        task_encoder=Encoder(),
        repeat=False,
    )
    came = {int(one.row["channel"]) for one in get_loader(loaded)}
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
