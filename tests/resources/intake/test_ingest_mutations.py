"""Mutated rows of every documented format in every container: of each file every row is kept or refused, none is lost,
none ends the run, and none is a fault of Assay.

The tasks of an ingest run here as Ray would call them, down to the staged files of a real lake.
"""

import random
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import pytest

from ops.formats.registry import all_formats
from ops.formats.shard_rows import INTERNAL, ImageReader, outcomes
from ops.intake.drop import Manifest
from ops.intake.drop_files import open_drop
from ops.intake.reasons import REASONS
from ops.intake.rows import IngestSettings
from resources.intake.context import Context
from resources.intake.finishing import FinishWork, finish_shard
from resources.intake.parsing import FileShard, parse_shard
from resources.intake.planning import plan_file
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake
from tests.support.layouts import picture
from tests.support.row_mutations import BASES, COLUMNAR, WRITERS, Row, arrow_table, mutated

SETTINGS = IngestSettings()
SOUND = 60  # more rows than detection looks at


def context_at(folder: Path) -> Context:
    lake = Lake(folder.parent / "lake")
    return Context(lake, open_drop(folder), "fuzz", "fuzz-1", Manifest(), SETTINGS, Scratch(lake, "fuzz"))


def taken(context: Context, name: str, shard_bytes: int) -> Counter[str]:
    """How many rows of a file were kept and how many refused for each reason, by the tables that were staged."""
    info = next(info for info in context.files.listing() if info.name == name)
    plan = plan_file(info, context, shard_bytes=shard_bytes)
    assert not plan.problem, plan.problem
    counts: Counter[str] = Counter()
    for shard in plan.shards:
        parsed = parse_shard(FileShard(plan, shard), context)
        finished = finish_shard(FinishWork(parsed, parsed.verdicts, {}, frozenset()), context)
        assert parsed.rows_in == finished.kept + finished.quarantined
        refused = context.scratch.read_table(f"{parsed.name}-refused").to_pylist()
        faults = [row for row in refused if row["reason"] == INTERNAL]
        assert not faults, faults[:3]
        counts.update(row["reason"] for row in refused)
        counts["kept"] += parsed.parsed
    assert counts.keys() - {"kept"} <= REASONS.keys()
    return counts


def check_text_rows(folder: Path, rows: int, per_file: int) -> Counter[str]:
    """Files of `per_file` mutated rows behind sound ones, formats and containers in turn."""
    context = context_at(folder)
    total: Counter[str] = Counter()
    dice = random.Random(12)  # noqa: S311
    turns = cycle((form, name) for form in BASES for name in WRITERS if name != "rows.csv" or form == "captions")
    while sum(total.values()) < rows:
        form, name = next(turns)
        bases = cycle(BASES[form])
        # A sample of a tar takes two headers: fewer of them, for the time they take.
        made = [mutated(row, dice) for row in islice(bases, per_file if name != "rows.tar" else per_file // 4)]
        sound: list[Row] = list(islice(bases, SOUND))
        WRITERS[name](folder / name, [*sound, *made])
        counts = taken(context, name, dice.choice((1 << 14, 1 << 30)))
        (folder / name).unlink()
        assert counts.total() == len(sound) + len(made), (form, name, counts)
        total += counts - Counter(kept=len(sound))
    return total


def check_columns(folder: Path, rows: int) -> Counter[str]:
    """Tables of one mutated row, three times, as Parquet and as Arrow."""
    files = open_drop(folder)
    context = context_at(folder)
    total: Counter[str] = Counter()
    dice = random.Random(13)  # noqa: S311
    turns = cycle((base, name) for form in BASES.values() for base in form for name in COLUMNAR)
    while total.total() < rows:
        base, name = next(turns)
        table = arrow_table(mutated(base, dice))
        if table is None or not table.num_columns or not COLUMNAR[name](folder / name, table):
            continue
        info = next(info for info in files.listing() if info.name == name)
        plan = plan_file(info, context, shard_bytes=1 << 30)
        if plan.problem:
            # No format has such a row; or the type, which is that of all rows, is nested too deeply for Parquet.
            assert plan.problem[0] == "file_unrecognised" or "deeply nested" in plan.problem[1], plan.problem
            continue
        reader = ImageReader(files, (".",), SETTINGS)
        form = all_formats()[plan.format]
        results = [
            outcome
            for shard in plan.shards
            for outcome in outcomes(
                files, shard, container=plan.container, form=form, dataset="d", images=reader, settings=SETTINGS
            )
        ]
        assert len(results) == 3, (name, table.schema)
        total.update("kept" if one.parsed else (one.refused or {})["reason"] for one in results)
    assert total[INTERNAL] == 0
    return total


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.png").write_bytes(picture(kind="PNG"))
    (tmp_path / "drop" / "a.jpg").write_bytes(picture())
    return tmp_path / "drop"


@pytest.mark.full
def test_a_thousand_mutated_rows(folder: Path) -> None:
    counts = check_text_rows(folder, 1000, 40) + check_columns(folder, 100)
    assert counts.total() >= 1100
    assert counts["kept"] < 0.9 * counts.total(), "the mutations must hurt"


@pytest.mark.full
def test_fifty_thousand_mutated_rows(folder: Path) -> None:
    counts = check_text_rows(folder, 50_000, 400) + check_columns(folder, 6000)
    assert counts.total() >= 56_000
    print(counts)
