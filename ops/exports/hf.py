"""Hugging Face `datasets` folder: Parquet with features, a card, and one split a stage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.exports.contract import Export, Record, WrittenShard
from ops.exports.parquet_rows import write_rows

RECIPE = """\
    from datasets import load_dataset
    everything = load_dataset(FOLDER, "sft", split="train")               # in the order of the curriculum
    first = load_dataset(FOLDER, "sft_stages", split="stage_00")          # one stage

`streaming=True` keeps the order as well. `weight` is what an example counts for; `preference` has `prompt`, `chosen`,
`rejected`, and `soft_label` where judgements disagree.
"""

FACTS = {
    "id": pa.string(),
    "source_id": pa.string(),
    "dataset": pa.string(),
    "stage": pa.int64(),
    "position": pa.int64(),
    "weight": pa.float64(),
    "soft_label": pa.float64(),
}


def write(records: Sequence[Record], path: Path) -> Mapping[str, Any]:
    """All that is known of the records."""
    return write_rows(records, path, FACTS)


def card(shards: Sequence[WrittenShard]) -> str:
    """The header that tells `datasets` which files are which split."""
    lines = ["---", "configs:"]
    for kind in sorted({done.shard.kind for done in shards}):
        lines += [f"- config_name: {kind}", f"  data_files:\n  - split: train\n    path: {kind}/*.parquet"]
        lines += [f"- config_name: {kind}_stages", "  data_files:"]
        for stage in sorted({done.shard.stage for done in shards if done.shard.kind == kind}):
            lines += [f"  - split: stage_{stage:02d}", f"    path: {kind}/stage-{stage:02d}-*.parquet"]
    return "\n".join([*lines, "---", ""])


EXPORT = Export(
    name="hf",
    title="Hugging Face datasets folder",
    suffix=".parquet",
    recipe=RECIPE,
    write=write,
    card=card,
)
