"""A folder of Hugging Face datasets: `README.md`, the dataset card, and Parquet files with an Image feature. A
configuration for each kind (`sft`, `preference`, `unpaired`) with one split `train` in the order of the curriculum, and
one with a split for each stage (`sft_stages`: `stage_00`, ...). Columns are those of the format `trl`."""

from collections.abc import Iterable, Sequence

from ops.exports.contract import Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_unjudged
from ops.exports.datasheet import datasheet, yaml_text
from ops.exports.sink import Sink
from ops.exports.trl import write_tables

_TABLES = ("sft", "preference", "unpaired")


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_tables(shard, members, sink, pattern="{table}/stage_{stage:02d}-{number:05d}.parquet")


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    names = [file.name for done in shards for file in done.files]
    with sink.open("README.md") as file:
        file.write(f"---\n{_front(facts, names)}---\n\n{datasheet(facts, shards, EXPORT)}".encode())


def _front(facts: Facts, names: Sequence[str]) -> str:
    """The card's YAML: licences, and which files make up which configuration and split."""
    licences = sorted({licence for licence in facts.licences.values() if licence})
    lines = [f"pretty_name: {yaml_text(f'Curated version {facts.version}')}"]
    lines += ["license: other", f"license_name: {yaml_text(', '.join(licences))}"] if licences else []
    lines += ["tags:", "- image-text-to-text", "configs:"] if names else []
    for table in _TABLES:
        stages = sorted({name.split("/")[1][: len("stage_00")] for name in names if name.startswith(f"{table}/")})
        if not stages:
            continue
        lines += [f"- config_name: {table}", "  data_files:", "  - split: train", f"    path: {table}/*.parquet"]
        lines += [f"- config_name: {table}_stages", "  data_files:"]
        for stage in stages:
            lines += [f"  - split: {stage}", f"    path: {table}/{stage}-*.parquet"]
    return "\n".join(lines) + "\n"


_RECIPE = """\
    datasets.load_dataset(FOLDER, "sft", split="train")                # all of it, in the order of the curriculum
    datasets.load_dataset(FOLDER, "sft_stages", split="stage_00")      # one stage

`streaming=True` keeps the order as well.
"""

EXPORT = Export(
    name="hf",
    title="Hugging Face datasets folder",
    write=_write,
    recipe=_RECIPE,
    proof="`datasets`, from disk and as a stream",
    refuse=refuse_unjudged,
    finish=_finish,
)
