"""WebDataset tar files for Megatron-Energon, prepared: no `energon prepare` is needed. `sft/stage-00/weight-1/`, ...
and `preference/stage-00/weight-1/`, ... are data sets of crude samples with their `.nv-meta`; `sft/stage-00.yaml`, ...
blend those of a stage and `sft/metadataset.yaml` those of all stages as `blend_epochized`, in which rows of weight 0.5
come half as often as rows of weight 1: the version's mix. A sample's key is the row's number among the rows of its
kind, twelve digits; its `json` is the row of the format `trl` with its `table`, and its pictures are `0.jpg`, `1.png`,
... in the order in which the parts show them."""

import json
import struct
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath

from ops.core.json_values import Fields
from ops.core.yaml_values import yaml_bytes
from ops.exports.contract import Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_unjudged
from ops.exports.sink import Sink
from ops.exports.webdataset import add_sample
from ops.exports.weights import class_weight, weight_class

META = ".nv-meta"
_CRUDE = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}
_BLEND = {"__module__": "megatron.energon", "__class__": "MetadatasetV2"}


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    """A tar and its index for each weight that the shard has rows of."""
    tars: dict[str, tarfile.TarFile] = {}
    offsets: dict[str, list[int]] = defaultdict(list)
    with ExitStack() as files:
        for member in members:
            name = f"{shard.kind}/{shard.stage_name}/{weight_class(member)}/{shard.number:05d}.tar"
            if name not in tars:
                file = files.enter_context(sink.open(name))
                tars[name] = files.enter_context(tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT))
            offsets[name].append(tars[name].offset)
            add_sample(tars[name], member)
        ends = {name: tar.offset for name, tar in tars.items()}
    for name, starts in offsets.items():
        # Where each sample begins, and where the last one ends, eight bytes each.
        with sink.open(f"{name}.idx") as index:
            index.write(struct.pack(f"{len(starts) + 1}Q", *starts, ends[name]))
    sink.count_rows({name: len(starts) for name, starts in offsets.items()})
    return sum(map(len, offsets.values()))


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    datasets: dict[str, dict[str, int]] = defaultdict(dict)
    for file in (file for done in shards for file in done.files if file.name.endswith(".tar")):
        path = PurePosixPath(file.name)
        datasets[str(path.parent)][path.name] = file.rows
    for folder, rows in datasets.items():
        _describe(folder, rows, sink)
    for kind in sorted({folder.split("/")[0] for folder in datasets}):
        inner = sorted(folder.removeprefix(f"{kind}/") for folder in datasets if folder.startswith(f"{kind}/"))
        _blend(f"{kind}/metadataset.yaml", inner, sink)
        for stage in sorted({folder.split("/")[0] for folder in inner}):
            _blend(f"{kind}/{stage}.yaml", [folder for folder in inner if folder.startswith(f"{stage}/")], sink)


def _describe(folder: str, rows: Mapping[str, int], sink: Sink) -> None:
    """What Energon keeps of a prepared data set: its shards in order, its splits, and how samples are read."""
    with sink.open(f"{folder}/{META}/.info.json") as file:
        file.write(json.dumps({"shard_counts": dict(rows)}, indent=2).encode())
    _yaml(f"{folder}/{META}/split.yaml", {"split_parts": {"train": list(rows), "val": [], "test": []}}, sink)
    kind, stage, _ = folder.split("/")
    _yaml(f"{folder}/{META}/dataset.yaml", {**_CRUDE, "subflavors": {"kind": kind, "stage": stage}}, sink)


def _blend(name: str, folders: Sequence[str], sink: Sink) -> None:
    parts = [{"repetitions": _number(class_weight(PurePosixPath(folder).name)), "path": folder} for folder in folders]
    _yaml(name, {**_BLEND, "splits": {"train": {"blend_epochized": parts}}}, sink)


def _number(weight: float) -> int | float:
    return int(weight) if weight.is_integer() else weight


def _yaml(name: str, value: Fields, sink: Sink) -> None:
    with sink.open(name) as file:
        file.write(yaml_bytes(value))


_RECIPE = """\
    stage = energon.get_train_dataset(
        "sft/stage-00.yaml", worker_config=..., batch_size=..., task_encoder=...,
        shuffle_buffer_size=None, max_samples_per_sequence=None, shuffle_over_epochs_multiplier=None,
        parallel_shard_iters=1,
    )

with a cooker that takes crude samples: `sample["json"]` and `sample["0.jpg"]`, .... One stage after the other, each
from the checkpoint of the one before. Energon draws at random from the data sets of a blend; each of them comes in the
order of the curriculum, with one worker and with the last four arguments. `energon prepare` is needed only for joins,
which look samples up by their keys.
"""

EXPORT = Export(
    name="megatron_energon",
    title="Megatron-Energon",
    write=_write,
    recipe=_RECIPE,
    proof="its own loader, with a cooker",
    refuse=refuse_unjudged,
    finish=_finish,
    weights="`repetitions` in a `blend_epochized`",
    turns_pictures=False,
)
