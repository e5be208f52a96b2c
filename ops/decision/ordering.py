"""Makes the curriculum (ops/decision/curriculum.py) of rows that lie in many shares, by tasks.

Two passes: the first grades and sorts each share by itself; from a few keys of each share follow the bounds of the
stages (ops/decision/order_statistics.py). The second gives each row its stage, counts, and deals the rows to pieces of
the order, each of which is then sorted by itself; a piece's first position is the count of all before it. Whoever runs
it holds counts and bounds. The order follows from the rows alone, whatever the shares and pieces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.arrow import numpy_values
from ops.core.hashing import splitmix
from ops.core.tasks import Handle, Tasks
from ops.core.version_schemas import CURRICULUM
from ops.decision.curriculum import CurriculumSettings, id_bytes, mixed, visual_shares
from ops.decision.order_statistics import Key, Label, Run, nth

SCHEMA = CURRICULUM.schema.remove(CURRICULUM.schema.get_field_index("version"))
ROWS = pa.schema(
    [("delivery", pa.string()), ("example_id", pa.string()), ("dataset", pa.string()), ("visual", pa.bool_())]
)
"""What is known of each row of a share, beside its difficulty."""
PIECE_ROWS = 1 << 20
"""Rows of a piece of the order, about: what is sorted at once."""

_GOLDEN = (5**0.5 - 1) / 2
_ALL: Label = ("all",)
_PLACES = pa.schema(
    [("stage", pa.int32()), ("difficulty", pa.float64()), ("delivery", pa.string()), ("example_id", pa.string())]
)
Bounds = Mapping[Label, Sequence[Key | None]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the order is cut: each stage into so many pieces by the noise of its rows, or all of it in one piece."""

    pieces_of_stage: tuple[int, ...]

    @classmethod
    def of(cls, rows_of_stage: Sequence[int], piece_rows: int) -> "Layout":
        """From the rows of each stage."""
        if sum(rows_of_stage) <= piece_rows:
            return cls(())
        return cls(tuple(max(1, -(-rows // piece_rows)) for rows in rows_of_stage))

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return sum(self.pieces_of_stage) if self.pieces_of_stage else 1

    def piece(self, stage: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """The piece of each row (n), which rises with stage and noise."""
        if not self.pieces_of_stage:
            return np.zeros(len(stage), dtype=np.int64)
        pieces = np.array(self.pieces_of_stage, dtype=np.uint64)
        within = ((noise >> np.uint64(32)) * pieces[stage]) >> np.uint64(32)
        return (np.cumsum(pieces) - pieces)[stage].astype(np.int64) + within.astype(np.int64)


def ordered(
    tasks: Tasks,
    shares: Sequence[Handle],
    difficulty: Sequence[Handle],
    settings: CurriculumSettings,
    write: Callable[..., Any],
    *to: Any,
    piece_rows: int = PIECE_ROWS,
) -> list[Handle]:
    """What `write(*to, piece, rows)` makes of each piece of the order, whose rows (SCHEMA) come sorted.

    `shares` are tables with at least the columns of ROWS, `difficulty` a figure for each of their rows (float64, any
    scale, NaN where unknown: such examples count as median). `stage` counts from 0, `position` from 0 through the whole
    version. With replay an example can stand at several positions.
    """
    middle = _median(tasks, shares, difficulty)
    graded = [tasks.call(_settled, own, middle) for own in difficulty]
    runs = [tasks.call(_stage_run, *pair, settings) for pair in zip(shares, graded, strict=True)]
    bounds = _stage_bounds(tasks, runs, settings)
    stages = [tasks.call(_stages, run, bounds, settings) for run in runs]
    again = _replay_bounds(tasks, shares, stages, settings)
    placed = [tasks.call(_placed, *own, again, settings) for own in zip(shares, graded, stages, strict=True)]
    counts = [tasks.call(_stage_counts, own, settings) for own in placed]
    layout = Layout.of(sum(tasks.values(counts), np.zeros(settings.stages, np.int64)).tolist(), piece_rows)
    dealt = [tasks.parts(layout.pieces + 1, _dealt, own, settings, layout) for own in placed]
    sizes = sum(tasks.values([own[0] for own in dealt]), np.zeros(layout.pieces, np.int64))
    starts = (np.cumsum(sizes) - sizes).tolist()
    return [
        tasks.call(_arranged, settings, write, to, piece, start, *[own[1 + piece] for own in dealt])
        for piece, start in enumerate(starts)
    ]


def _median(tasks: Tasks, shares: Sequence[Handle], difficulty: Sequence[Handle]) -> float:
    """The median of what is known, 0 where nothing is or nothing needs it."""
    counts = list(tasks.values([tasks.call(_known_counts, own) for own in difficulty]))
    known, unknown = (sum(own[at] for own in counts) for at in (0, 1))
    if not known or not unknown:
        return 0.0
    runs = [tasks.call(_known_run, *pair) for pair in zip(shares, difficulty, strict=True)]
    keys = nth(tasks, runs, [(_ALL, (known - 1) // 2), (_ALL, known // 2)])
    return float(np.mean([key[0] for key in keys if key is not None]))


def _known_counts(difficulty: np.ndarray) -> tuple[int, int]:
    known = int(np.isfinite(difficulty).sum())
    return known, len(difficulty) - known


def _known_run(rows: pa.Table, difficulty: np.ndarray) -> Run:
    known = np.isfinite(difficulty)
    noise = mixed(rows["example_id"], 0)[known]
    return Run.of([_ALL], np.zeros(len(noise), np.int64), difficulty[known], noise)


def _settled(difficulty: np.ndarray, middle: float) -> np.ndarray:
    return np.where(np.isfinite(difficulty), difficulty, middle)


def _stage_run(rows: pa.Table, difficulty: np.ndarray, settings: CurriculumSettings) -> Run:
    """The rows by modality and dataset, each series by rank; where sources need no constant mix, by modality alone."""
    visual = numpy_values(rows["visual"]).astype(bool)
    if settings.source_mix == "natural":
        names, dataset = np.array([""]), np.zeros(rows.num_rows, dtype=np.int64)
    else:
        names, dataset = np.unique(numpy_values(rows["dataset"]).astype(str), return_inverse=True)
    labels: list[Label] = [(modality, str(name)) for modality in (False, True) for name in names]
    random = settings.order == "random"
    rank = mixed(rows["example_id"], settings.seed + 2) if random else difficulty
    return Run.of(labels, visual * len(names) + dataset, rank, mixed(rows["example_id"], settings.seed))


def _stage_bounds(tasks: Tasks, runs: Sequence[Handle], settings: CurriculumSettings) -> dict[Label, list[Key | None]]:
    """In each series the key at which each stage but the first begins; None where none of the series is in it."""
    sizes: dict[Label, int] = {}
    for own in tasks.values([tasks.call(Run.sizes, run) for run in runs]):
        for label, size in own.items():
            sizes[label] = sizes.get(label, 0) + size
    wanted = _stage_starts(sizes, settings)
    keys = nth(tasks, runs, wanted)
    bounds: dict[Label, list[Key | None]] = {label: [] for label in sizes}
    for (label, _), key in zip(wanted, keys, strict=True):
        bounds[label].append(key)
    return bounds


def _stage_starts(sizes: Mapping[Label, int], settings: CurriculumSettings) -> list[tuple[Label, int]]:
    """How many rows of each series come before each stage but the first."""
    visual = sum(size for label, size in sizes.items() if label[0])
    whole = sum(sizes.values())
    shares = visual_shares(visual / whole if whole else 0.0, settings)
    wanted: list[tuple[Label, int]] = []
    for modality, parts in ((True, shares), (False, 1 - shares)):
        labels = sorted(label for label in sizes if label[0] == modality)
        if not labels:
            continue
        edges = np.cumsum(parts)[:-1] / parts.sum()
        # Each dataset rounds at a point of its own, evenly spread: many small ones must not all round to one stage.
        turn = (np.arange(len(labels)) * _GOLDEN + 0.5) % 1
        starts = np.floor(edges[:, None] * np.array([sizes[label] for label in labels]) + turn)
        wanted += [(label, int(start)) for at, label in enumerate(labels) for start in starts[:, at]]
    return wanted


def _stages(run: Run, bounds: Bounds, settings: CurriculumSettings) -> np.ndarray:
    """The stage of each row of the share (n, int64)."""
    sorted_stage = np.zeros(len(run.rows), dtype=np.int64)
    for label, (_, stop) in run.spans.items():
        for bound in bounds[label]:
            sorted_stage[run.place(label, bound, otherwise=stop) : stop] += 1
    stage = np.empty_like(sorted_stage)
    stage[run.rows] = sorted_stage
    return settings.stages - 1 - stage if settings.order == "reversed" else stage


def _replay_bounds(
    tasks: Tasks, shares: Sequence[Handle], stages: Sequence[Handle], settings: CurriculumSettings
) -> dict[int, Key | None]:
    """For each stage that repeats rows of earlier ones, the hash below which it repeats them; None: all."""
    if not settings.replay:
        return {}
    counts = [tasks.call(_counts, own, settings.stages) for own in stages]
    rows_of_stage = sum(tasks.values(counts), np.zeros(settings.stages, np.int64))
    runs = [tasks.call(_replay_run, *pair, settings) for pair in zip(shares, stages, strict=True)]
    earlier = np.cumsum(rows_of_stage) - rows_of_stage
    wanted = [
        (later, min(int(earlier[later]), round(settings.replay * int(rows_of_stage[later]))))
        for later in range(1, settings.stages)
    ]
    keys = nth(tasks, runs, [((later,), count) for later, count in wanted])
    return {later: key for (later, _), key in zip(wanted, keys, strict=True)}


def _replay_hash(rows: pa.Table, later: int, settings: CurriculumSettings) -> np.ndarray:
    return splitmix(mixed(rows["example_id"], settings.seed + 1) ^ np.uint64(later))


def _replay_run(rows: pa.Table, stage: np.ndarray, settings: CurriculumSettings) -> Run:
    """For each stage a series of the rows before it, by hash."""
    earlier = [np.flatnonzero(stage < later) for later in range(1, settings.stages)]
    hashes = [_replay_hash(rows, later, settings)[own] for later, own in enumerate(earlier, 1)]
    series = np.repeat(np.arange(len(earlier)), [len(own) for own in earlier])
    first = np.concatenate([np.zeros(0, np.uint64), *hashes])
    labels: list[Label] = [(later,) for later in range(1, settings.stages)]
    return Run.of(labels, series, first, np.zeros(len(first), np.uint64))


def _placed(
    rows: pa.Table,
    difficulty: np.ndarray,
    stage: np.ndarray,
    again: Mapping[int, Key | None],
    settings: CurriculumSettings,
) -> pa.Table:
    """The share's places in the order, repeats included."""
    row = [np.arange(len(stage))]
    stages = [stage]
    for later, bound in again.items():
        repeated = stage < later
        if bound is not None:
            repeated &= _replay_hash(rows, later, settings) < bound[0]
        row.append(np.flatnonzero(repeated))
        stages.append(np.full(len(row[-1]), later))
    at = np.concatenate(row)
    taken = rows.select(["delivery", "example_id"]).take(pa.array(at, pa.int64()))
    columns = [pa.array(np.concatenate(stages).astype(np.int32)), pa.array(difficulty[at]), *taken.columns]
    return pa.table(columns, schema=_PLACES)


def _counts(stage: np.ndarray, stages: int) -> np.ndarray:
    return np.bincount(stage, minlength=stages)


def _stage_counts(places: pa.Table, settings: CurriculumSettings) -> np.ndarray:
    return _counts(numpy_values(places["stage"]), settings.stages)


def _dealt(places: pa.Table, settings: CurriculumSettings, layout: Layout) -> list[np.ndarray | pa.Table]:
    """How many of the places each piece gets (pieces,), and then these."""
    piece = layout.piece(numpy_values(places["stage"]), mixed(places["example_id"], settings.seed))
    order = np.argsort(piece, kind="stable")
    counts = np.bincount(piece, minlength=layout.pieces)
    grouped = places.take(pa.array(order, pa.int64()))
    starts = (np.cumsum(counts) - counts).tolist()
    return [counts, *(grouped.slice(start, count) for start, count in zip(starts, counts.tolist(), strict=True))]


def _arranged(
    settings: CurriculumSettings,
    write: Callable[..., Any],
    to: Sequence[Any],
    piece: int,
    start: int,
    *places: pa.Table,
) -> Any:
    """What `write` makes of the piece, sorted, with its positions from `start` on."""
    rows = pa.concat_tables(places)
    keys = (id_bytes(rows["example_id"]), mixed(rows["example_id"], settings.seed), numpy_values(rows["stage"]))
    rows = rows.take(pa.array(np.lexsort(keys), pa.int64()))
    positions = pa.array(np.arange(start, start + rows.num_rows, dtype=np.int64))
    return write(*to, piece, rows.add_column(1, "position", positions).cast(SCHEMA))
