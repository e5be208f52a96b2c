"""TRL: Parquet with `messages`, or `prompt`, `chosen` and `rejected`, in the conversational format, and `images`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.exports.contract import Export, Record
from ops.exports.parquet_rows import write_rows

RECIPE = """\
    from datasets import load_dataset
    stage = load_dataset("parquet", data_files="sft/stage-00-*.parquet", split="train")

One stage after the other, each from the checkpoint of the one before. `SFTTrainer` and `DPOTrainer` shuffle; to keep
the order inside a stage too, override `_get_train_sampler` to return `torch.utils.data.SequentialSampler(dataset)`.
`weight` is there for trainers that weigh their loss; others drop the column.
"""


def write(records: Sequence[Record], path: Path) -> Mapping[str, Any]:
    """Only the columns that TRL knows, and the weight."""
    return write_rows(records, path, {"weight": pa.float64()})


EXPORT = Export(
    name="trl", title="TRL conversational Parquet with images", suffix=".parquet", recipe=RECIPE, write=write
)
