"""Parquet in TRL's forms, with an Image feature: `sft/` has `messages`, `preference/` has `prompt`, `chosen` and
`rejected` (with `soft_label`), `unpaired/` has `prompt`, `completion` and `label`; each has `images` and says where the
row stands (`stage`, `position`) and its `weight`. Contents are lists of typed parts, an image part stands for the next
of `images`. Files sort into the order of the curriculum. Read with `datasets.load_dataset("parquet", data_files=...)`.
"""

from collections.abc import Iterable
from contextlib import ExitStack

from ops.exports.contract import Export, Member, Shard
from ops.exports.conversation import refuse_unjudged
from ops.exports.rows import SCHEMAS, TableWriter, table_row, with_bytes
from ops.exports.sink import Sink


def write_tables(shard: Shard, members: Iterable[Member], sink: Sink, *, pattern: str) -> int:
    """The shard as one Parquet file a table; `pattern` makes a file's name of table, stage and number."""
    writers: dict[str, TableWriter] = {}
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    with ExitStack() as files:
        for member in members:
            table, row = table_row(member)
            if table not in writers:
                names[table] = pattern.format(table=table, stage=shard.stage, number=shard.number)
                writers[table] = TableWriter(files.enter_context(sink.open(names[table])), SCHEMAS[table])
                files.callback(writers[table].close)
            writers[table].add(with_bytes(row, member))
            counts[names[table]] = counts.get(names[table], 0) + 1
    sink.count_rows(counts)
    return sum(counts.values())


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_tables(shard, members, sink, pattern="{table}/stage-{stage:02d}-{number:05d}.parquet")


_RECIPE = """\
    files = sorted(glob.glob("sft/stage-00-*.parquet"))
    stage = datasets.load_dataset("parquet", data_files=files, split="train")

One stage after the other, each from the checkpoint of the one before, for TRL's trainers shuffle; to keep the order
inside a stage as well, override `_get_train_sampler` to return
`torch.utils.data.SequentialSampler(self.train_dataset)`. `SFTTrainer` takes the loss over whole conversations unless
`assistant_only_loss` is set. TRL does not weigh rows: export with `--repeats` where weights should count. `preference/`
is for `DPOTrainer`, `unpaired/` for `KTOTrainer`; `DPOConfig(loss_type=["robust"], label_smoothing=...)` takes the
probability of a flip that the datasheet estimates.
"""

EXPORT = Export(
    name="trl",
    title="Parquet for TRL",
    write=_write,
    recipe=_RECIPE,
    proof="`datasets` and TRL's collators of SFT, DPO and KTO, to tokens and labels",
    refuse=refuse_unjudged,
)
