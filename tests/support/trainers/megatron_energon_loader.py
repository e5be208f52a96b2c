"""Loads a data set, or a blend of several, with Megatron-Energon's own loader: one epoch, in its order.

Arguments: the export's folder, and names below it. Each row is the sample's JSON with `pictures` and its `stage`, the
name that it was loaded by.
"""

import json
import sys
from pathlib import Path
from typing import Any

from loaded_rows import digest
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


@edataclass
class Row(Sample):
    """A row and its pictures."""

    row: dict
    pictures: list


@stateless
def cook(sample: dict[str, Any]) -> Row:
    names = sorted((name for name in sample if name[:1].isdigit()), key=lambda name: int(name.split(".")[0]))
    return Row(**basic_sample_keys(sample), row=sample["json"], pictures=[sample[name] for name in names])


class Encoder(DefaultTaskEncoder):
    """Takes crude samples as they are."""

    decoder = SampleDecoder(image_decode="pil")
    cookers = (Cooker(cook),)


def main(folder: str, *names: str) -> None:
    for name in names:
        rows = get_train_dataset(
            Path(folder) / name,
            worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
            batch_size=None,
            shuffle_buffer_size=None,
            max_samples_per_sequence=None,
            shuffle_over_epochs_multiplier=None,
            parallel_shard_iters=1,
            task_encoder=Encoder(),
            repeat=False,
        )
        for loaded in get_loader(rows):
            pictures = [digest(picture) for picture in loaded.pictures]
            print(json.dumps({**loaded.row, "key": loaded.__key__, "pictures": pictures, "stage": name}))


if __name__ == "__main__":
    main(*sys.argv[1:])
