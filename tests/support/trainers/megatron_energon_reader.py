"""Megatron-Energon's own loader, with crude samples: one epoch, in its order."""

from collections.abc import Iterator
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


def samples(folder: Path) -> Iterator[Row]:
    """The samples of a data set, or of a blend."""
    loaded = get_train_dataset(
        folder,
        worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
        batch_size=None,
        shuffle_buffer_size=None,
        max_samples_per_sequence=None,
        shuffle_over_epochs_multiplier=None,
        parallel_shard_iters=1,
        task_encoder=Encoder(),
        repeat=False,
    )
    yield from get_loader(loaded)
