"""MosaicML Streaming (MDS). `sft/` and `preference/` are data sets of all stages in order, `sft/stage-00/`, ... of one.
A sample has `row` (JSON, the row of the format `trl` with its `table`), `bytes` (its pictures, one after the other) and
`pictures` (JSON, where each begins and ends in `bytes`, in the order in which the parts show them). The library that
writes MDS wants an older transformers than Assay's audits: `make streaming` sets up an environment for it alone."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from ops.core.json_values import Cell
from ops.exports import mds_tool
from ops.exports.contract import Export, ExportError, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_unjudged
from ops.exports.rows import json_line, table_row, write_lines
from ops.exports.sink import Sink

PYTHON = "ASSAY_STREAMING_PYTHON"
"""Environment variable that names the Python which has mosaicml-streaming, where `make streaming` did not make it."""
_ROOT = Path(__file__).parents[2]


def streaming_python() -> Path:
    """The Python that has MosaicML's library. Raises ExportError where there is none."""
    python = Path(os.environ.get(PYTHON) or _ROOT / ".venv-streaming" / "bin" / "python")
    if not python.exists():
        raise ExportError(
            f"MDS is written by mosaicml-streaming, in an environment of its own, and {python} is missing: "
            f"`make streaming` makes it, or name its Python in {PYTHON}"
        )
    return python


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    path = sink.part(shard.name)
    with path.with_suffix(".new").open("wb") as file:
        count = write_lines(file, (_sample(member, sink.folder) for member in members))
    path.with_suffix(".new").replace(path)
    return count


def _sample(member: Member, folder: Path) -> dict[str, Cell]:
    table, row = table_row(member)
    pictures = [(picture.folder / picture.name).relative_to(folder).as_posix() for picture in member.pictures]
    return {"row": {"table": table, **row}, "pictures": pictures}


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    made = sink.part("mds")
    shutil.rmtree(made, ignore_errors=True)
    orders: list[dict[str, Cell]] = []
    rows: dict[str, int] = {}
    filled = [done for done in shards if done.rows]
    for kind, of_kind in groupby(filled, key=lambda done: done.shard.kind):
        stages: list[str] = []
        for stage, of_stage in groupby(of_kind, key=lambda done: done.shard.stage_name):
            of_folder = list(of_stage)
            stages.append(f"{made}/{kind}/{stage}")
            orders.append({"write": stages[-1], "parts": [str(sink.part(done.shard.name)) for done in of_folder]})
            rows[f"{kind}/{stage}/index.json"] = sum(done.rows for done in of_folder)
        orders.append({"join": f"{made}/{kind}.index", "indexes": [f"{stage}/index.json" for stage in stages]})
    _run(orders, sink)
    for kind in sorted({done.shard.kind for done in filled}):
        sink.take_folder(made / kind, kind)
        with sink.open(f"{kind}/index.json") as file:
            file.write((made / f"{kind}.index" / "index.json").read_bytes())
    sink.count_rows(rows)


def _run(orders: Sequence[dict[str, Cell]], sink: Sink) -> None:
    """Has the library do what is asked, in one process; its words go to a file."""
    if not orders:
        return
    log = sink.part("mds.log")
    with log.open("wb") as output:
        text = b"".join(json_line(order) for order in orders)
        command = [str(streaming_python()), mds_tool.__file__]
        done = subprocess.run(command, input=text, stdout=output, stderr=output, cwd=sink.folder, check=False)
    if done.returncode:
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
        raise ExportError(f"mosaicml-streaming ended with status {done.returncode}: {''.join(last) or 'no word'}")


_RECIPE = """\
    everything = streaming.StreamingDataset(local="sft", shuffle=False, batch_size=1)
    stage = streaming.StreamingDataset(local="sft/stage-00", shuffle=False, batch_size=1)

Samples come in the order of the curriculum with one reader; with several, each batch of each reader is in order. The
n-th picture of a sample is `sample["bytes"][slice(*sample["pictures"][n])]`.
"""

EXPORT = Export(
    name="mds",
    title="MosaicML Streaming",
    write=_write,
    recipe=_RECIPE,
    proof="`streaming`",
    refuse=refuse_unjudged,
    finish=_finish,
    require=streaming_python,
)
