"""The curriculum and its difficulty made of one table, all at once: what the work by shares must equal, bit for bit."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ops.core.hashing import splitmix
from ops.decision.curriculum import CurriculumSettings, id_bytes, mixed, visual_shares
from ops.decision.ordering import SCHEMA

_GOLDEN = (5**0.5 - 1) / 2


def whole_difficulty(columns: Mapping[str, np.ndarray], weights: Mapping[str, float], count: int) -> np.ndarray:
    """Difficulty of each row (float64, NaN where no component is known) from its components, one value a row."""
    total = np.zeros(count)
    weighed = np.zeros(count)
    for name in sorted(weights):
        if not weights[name]:
            continue
        shares = ranks(columns[name])
        known = np.isfinite(shares)
        total += abs(weights[name]) * np.where(known, shares if weights[name] > 0 else 1 - shares, 0.0)
        weighed += abs(weights[name]) * known
    return np.divide(total, weighed, out=np.full(count, np.nan), where=weighed > 0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Mean rank of each value as a share from 0 to 1 (0.5 where all are equal); NaN stays NaN."""
    known = np.flatnonzero(np.isfinite(values))
    shares = np.full(len(values), np.nan)
    if len(known):
        _, group, sizes = np.unique(values[known], return_inverse=True, return_counts=True)
        below = np.cumsum(sizes) - sizes
        shares[known] = ((below + (sizes - 1) / 2) / max(len(known) - 1, 1))[group] if len(known) > 1 else 0.5
    return shares


def whole_curriculum(members: pa.Table, settings: CurriculumSettings) -> pa.Table:
    """The ordered version (version_schemas.CURRICULUM without `version`), in order.

    `members` has delivery, example_id, dataset, visual (bool) and difficulty (float64, any scale, null or NaN where
    unknown: such examples count as median). `stage` counts from 0, `position` from 0 through the whole version. With
    replay an example can stand at several positions.
    """
    difficulty = _known(members["difficulty"].to_numpy().astype(np.float64))
    noise = mixed(members["example_id"], settings.seed)
    groups = _groups(members, settings.source_mix)
    visual = np.asarray(members["visual"].to_numpy(zero_copy_only=False), dtype=bool)
    rank = difficulty if settings.order != "random" else mixed(members["example_id"], settings.seed + 2)
    stage = _stages(rank, noise, visual, groups, settings)
    if settings.order == "reversed":
        stage = settings.stages - 1 - stage
    row = np.arange(len(stage))
    again_row, again_stage = _replayed(stage, mixed(members["example_id"], settings.seed + 1), settings)
    row, stage = np.concatenate([row, again_row]), np.concatenate([stage, again_stage])
    order = np.lexsort((id_bytes(members["example_id"])[row], noise[row], stage))
    row, stage = row[order], stage[order]
    chosen = members.select(["delivery", "example_id"]).take(pa.array(row, pa.int64()))
    columns = [
        pa.array(stage.astype(np.int32)),
        pa.array(np.arange(len(row), dtype=np.int64)),
        pa.array(difficulty[row]),
        *chosen.columns,
    ]
    return pa.table(columns, schema=SCHEMA)


def _known(difficulty: np.ndarray) -> np.ndarray:
    known = np.isfinite(difficulty)
    middle = float(np.median(difficulty[known])) if known.any() else 0.0
    return np.where(known, difficulty, middle)


def _groups(members: pa.Table, mix: str) -> np.ndarray:
    """A number per dataset, in alphabetical order; one for all where sources need no constant mix."""
    if mix == "natural":
        return np.zeros(members.num_rows, dtype=np.int64)
    names = members["dataset"].to_numpy(zero_copy_only=False).astype(str)
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _stages(
    rank: np.ndarray, noise: np.ndarray, visual: np.ndarray, groups: np.ndarray, settings: CurriculumSettings
) -> np.ndarray:
    """Stage of each example (int64)."""
    stage = np.zeros(len(rank), dtype=np.int64)
    shares = visual_shares(float(visual.mean()) if len(visual) else 0.0, settings)
    for modality, parts in ((True, shares), (False, 1 - shares)):
        chosen = np.flatnonzero(visual == modality)
        if not len(chosen):
            continue
        order = chosen[np.lexsort((noise[chosen], rank[chosen], groups[chosen]))]
        starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)[1:]
        edges = np.cumsum(parts)[:-1] / parts.sum()
        # Each dataset rounds at a point of its own, evenly spread: many small ones must not all round to one stage.
        turn = (np.arange(len(sizes)) * _GOLDEN + 0.5) % 1
        bounds = np.floor(edges[:, None] * sizes + turn)
        within = np.arange(len(order)) - np.repeat(starts, sizes)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        stage[order] = (within >= bounds[:, owner]).sum(axis=0) if len(edges) else 0
    return stage


def _replayed(stage: np.ndarray, noise: np.ndarray, settings: CurriculumSettings) -> tuple[np.ndarray, np.ndarray]:
    """Rows that later stages repeat, and the stage that repeats them."""
    rows: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    for later in range(1, settings.stages):
        earlier = np.flatnonzero(stage < later)
        wanted = min(len(earlier), round(settings.replay * int((stage == later).sum())))
        turned = noise[earlier] ^ np.uint64(later)
        rows.append(earlier[np.argsort(splitmix(turned), kind="stable")[:wanted]])
    stages = np.repeat(np.arange(settings.stages), [len(r) for r in rows])
    return np.concatenate(rows), stages
