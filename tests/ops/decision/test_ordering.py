"""The curriculum by shares is that of one table, bit for bit, however rows were cut into shares and the order into
pieces."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.core.identity import digest
from ops.core.tasks import InProcess
from ops.decision.curriculum import CurriculumSettings
from ops.decision.difficulty import Weights, graded
from ops.decision.ordering import ordered
from tests.support.whole_curriculum import whole_curriculum, whole_difficulty

ALL = {"a.few": 1.0, "a.real": 0.5, "a.unknown": 2.0, "a.negative": -1.0, "a.none": 0.0}
PROMPTS = {"p.rate": -1.0, "a.few": 0.5}
SETTINGS = st.builds(
    CurriculumSettings,
    order=st.sampled_from(["rising", "random", "reversed"]),
    stages=st.integers(1, 5),
    first_visual_share=st.sampled_from([0.0, 0.5, 1.0]),
    replay=st.sampled_from([0.0, 0.2, 1.0]),
    source_mix=st.sampled_from(["constant", "natural"]),
    seed=st.integers(0, 3),
)


def rows(seed: int, count: int, datasets: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    unknown = rng.random(count) < rng.choice([0, 0.3, 1])
    prompts = rng.random(count) < rng.choice([0, 0.2])
    columns: dict[str, Any] = {
        "delivery": [f"d-{n}" for n in rng.integers(0, 3, count)],
        "example_id": [digest(str(n), str(seed)) for n in range(count)],
        "dataset": [f"set-{n}" for n in rng.integers(0, datasets, count)],
        "kind": np.where(prompts, "prompt", "sft"),
        "visual": rng.random(count) < rng.choice([0, 0.4, 1]),
        "a.few": rng.integers(0, 3, count).astype(np.float64),
        "a.real": np.where(rng.random(count) < 0.1, np.nan, rng.standard_normal(count)),
        "a.unknown": np.where(unknown, np.nan, rng.random(count)),
        "a.negative": rng.choice([0.0, -0.0, 1.5], count),
        "a.none": np.full(count, np.nan),
        "p.rate": np.where(prompts & (rng.random(count) < 0.8), rng.random(count), np.nan),
    }
    kinds = {"visual": pa.bool_()} | {name: pa.float64() for name in columns if "." in name}
    return pa.table({name: pa.array(list(v), kinds.get(name, pa.string())) for name, v in columns.items()})


def cut(table: pa.Table, cuts: list[int]) -> list[pa.Table]:
    edges = [0, *sorted(min(at, table.num_rows) for at in cuts), table.num_rows]
    return [table.slice(start, stop - start) for start, stop in pairwise(edges)]


def whole(table: pa.Table, weights: Weights) -> np.ndarray:
    columns = {name: table[name].to_numpy() for name in weights.names}
    grades = whole_difficulty(columns, weights.of_all, table.num_rows)
    prompts = np.flatnonzero(table["kind"].to_numpy(zero_copy_only=False) == "prompt")
    own = whole_difficulty({n: v[prompts] for n, v in columns.items()}, weights.of_prompts, len(prompts))
    grades[prompts[np.isfinite(own)]] = own[np.isfinite(own)]
    return grades


@given(
    st.integers(0, 2**32),
    st.integers(0, 600),
    st.integers(1, 30),
    st.lists(st.integers(0, 600), max_size=6),
    SETTINGS,
    st.sampled_from([1, 37, 10**6]),
    st.booleans(),
)
def test_shares_and_pieces_change_nothing(
    seed: int, count: int, datasets: int, cuts: list[int], settings: CurriculumSettings, piece_rows: int, blank: bool
):
    table = rows(seed, count, datasets)
    weights = Weights({} if blank else ALL, PROMPTS)
    expected = whole(table, weights)
    shares = cut(table, cuts)
    grades = graded(InProcess(), shares, weights)
    assert np.array_equal(np.concatenate(grades), expected, equal_nan=True)
    wanted = whole_curriculum(table.append_column("difficulty", pa.array(expected)), settings)
    pieces = ordered(
        InProcess(), shares, grades, settings, lambda piece, places: (piece, places), piece_rows=piece_rows
    )
    assert [piece for piece, _ in pieces] == list(range(len(pieces)))
    assert pa.concat_tables([places for _, places in pieces]).combine_chunks().equals(wanted.combine_chunks())
