"""The curriculum: every member once, difficulty and visual share rising, sources mixed, order of rows irrelevant."""

import numpy as np
import pyarrow as pa
import pytest

from ops.core.identity import digest
from ops.decision.curriculum import CurriculumSettings, Order, control, mixed, visual_shares
from tests.support.ordered import curriculum


def members(count: int = 400, seed: int = 0, visual: float = 0.6) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "delivery": [f"d-{i % 2}" for i in range(count)],
            "example_id": [digest(str(i)) for i in range(count)],
            "dataset": [f"set-{i}" for i in rng.choice(3, count, p=[0.5, 0.3, 0.2])],
            "visual": rng.random(count) < visual,
            "difficulty": rng.random(count),
        }
    )


def joined(ordered: pa.Table, rows: pa.Table):
    return ordered.to_pandas().merge(rows.drop(["difficulty", "delivery"]).to_pandas(), on="example_id")


def test_every_member_once_at_positions_in_order():
    rows = members()
    ordered = curriculum(rows, CurriculumSettings())
    assert sorted(ordered["example_id"].to_pylist()) == sorted(rows["example_id"].to_pylist())
    assert ordered["position"].to_pylist() == list(range(400))
    assert ordered["stage"].to_pylist() == sorted(ordered["stage"].to_pylist())
    owner = dict(zip(rows["example_id"].to_pylist(), rows["delivery"].to_pylist(), strict=True))
    assert [owner[i] for i in ordered["example_id"].to_pylist()] == ordered["delivery"].to_pylist()


def test_difficulty_and_visual_share_rise_in_stages_of_equal_size():
    rows = members(4000)
    frame = joined(curriculum(rows, CurriculumSettings(stages=4)), rows)
    by_stage = frame.groupby("stage")
    assert by_stage.size().sub(1000).abs().max() <= 6
    assert by_stage["visual"].mean().is_monotonic_increasing
    overall = float(np.mean(rows["visual"].to_numpy()))
    assert by_stage["visual"].mean().iloc[0] == pytest.approx(0.5 * overall, abs=0.01)
    for _, group in frame.groupby(["dataset", "visual"]):
        spans = group.groupby("stage")["difficulty"].agg(["min", "max"])
        assert (spans["max"].iloc[:-1].to_numpy() <= spans["min"].iloc[1:].to_numpy()).all()


def test_sources_keep_their_mix_in_every_stage():
    rows = members(4000)
    frame = joined(curriculum(rows, CurriculumSettings()), rows)
    overall = frame["dataset"].value_counts(normalize=True)
    for _, stage in frame.groupby("stage"):
        assert (stage["dataset"].value_counts(normalize=True) - overall).abs().max() < 0.03


def test_many_tiny_datasets_do_not_share_a_stage():
    rows = members(100).set_column(2, "dataset", pa.array([f"only-{i}" for i in range(100)]))
    sizes = curriculum(rows, CurriculumSettings()).to_pandas().groupby("stage").size()
    assert sizes.tolist() == pytest.approx([25] * 4, abs=2)


@pytest.mark.parametrize("order", ["rising", "random", "reversed"])
def test_order_of_rows_decides_nothing(order: Order):
    rows = members()
    settings = CurriculumSettings(order=order, replay=0.2)
    shuffled = rows.take(np.random.default_rng(1).permutation(400))
    assert curriculum(shuffled, settings).equals(curriculum(rows, settings))


def test_controls_hold_the_same_content():
    rows = members(400)
    orders: list[Order] = ["rising", "random", "reversed"]
    rising, random, turned = (curriculum(rows, CurriculumSettings(order=order)).to_pandas() for order in orders)
    assert set(rising["example_id"]) == set(random["example_id"]) == set(turned["example_id"])
    stage = rising.set_index("example_id")["stage"]
    assert (turned.set_index("example_id")["stage"].sort_index() == 3 - stage.sort_index()).all()
    assert random.groupby("stage").size().tolist() == pytest.approx([100] * 4, abs=4)
    assert abs(np.corrcoef(random["stage"], random["difficulty"])[0, 1]) < 0.1
    shares = random.merge(rows.select(["example_id", "visual"]).to_pandas()).groupby("stage")["visual"].mean()
    assert shares.max() - shares.min() < 0.04


def test_replay_repeats_earlier_stages_only():
    rows = members()
    frame = curriculum(rows, CurriculumSettings(replay=0.25)).to_pandas()
    first = frame.groupby("example_id")["stage"].transform("min")
    again = frame[frame["stage"] > first]
    assert len(frame) == 400 + len(again)
    assert again.groupby("stage").size().tolist() == pytest.approx([25] * 3, abs=1)


def test_seed_shuffles_inside_stages_only():
    rows = members()
    first, second = (curriculum(rows, CurriculumSettings(seed=seed)).to_pandas() for seed in (0, 1))
    assert first["example_id"].tolist() != second["example_id"].tolist()
    by_id = [frame.set_index("example_id")["stage"].sort_index() for frame in (first, second)]
    assert by_id[0].equals(by_id[1])


def test_unknown_difficulty_counts_as_median_and_empty_is_empty():
    rows = members(5)
    rows = rows.set_column(4, "difficulty", pa.array([0.1, 0.2, 0.9, None, float("nan")], pa.float64()))
    known = dict(
        zip(*(curriculum(rows, CurriculumSettings())[c].to_pylist() for c in ("example_id", "difficulty")), strict=True)
    )
    assert known[rows["example_id"][3].as_py()] == known[rows["example_id"][4].as_py()] == 0.2
    assert curriculum(rows.slice(0, 0), CurriculumSettings()).num_rows == 0


@pytest.mark.parametrize("overall", [0.0, 0.3, 0.8, 1.0])
def test_ramp_keeps_the_overall_share(overall: float):
    shares = visual_shares(overall, CurriculumSettings())
    assert shares.mean() == pytest.approx(overall)
    assert (shares >= 0).all()
    assert (shares <= 1).all()


def test_hash_of_an_id_stands_alone():
    alone = mixed(pa.chunked_array([["abc"]]), 7)[0]
    assert mixed(pa.chunked_array([["abc", "a much longer identifier"]]), 7)[0] == alone


@pytest.mark.parametrize("replay", [0.0, 0.3])
def test_controls_hold_the_same_rows_in_other_orders(replay: float):
    ordered = curriculum(members(), CurriculumSettings(replay=replay))
    ids, sizes = ordered["example_id"].to_pylist(), ordered.to_pandas()["stage"].value_counts()
    assert control(ordered, "own", seed=0).cast(ordered.schema).equals(ordered)
    backwards = control(ordered, "reversed", seed=0)
    frame = ordered.to_pandas()
    expected = [one for stage in (3, 2, 1, 0) for one in frame[frame["stage"] == stage]["example_id"]]
    assert backwards["example_id"].to_pylist() == expected
    assert backwards.to_pandas()["stage"].value_counts().to_dict() == {s: sizes[3 - s] for s in sizes.index}
    random = control(ordered, "random", seed=0)
    assert random.to_pandas()["stage"].value_counts().equals(sizes)
    for other in (backwards, random):
        assert other["position"].to_pylist() == list(range(len(ids)))
        assert sorted(other["example_id"].to_pylist()) == sorted(ids)
        assert other["stage"].to_pylist() == sorted(other["stage"].to_pylist())
    assert abs(np.corrcoef(random["difficulty"].to_numpy(), np.arange(len(ids)))[0, 1]) < 0.15
    assert np.corrcoef(ordered["difficulty"].to_numpy(), np.arange(len(ids)))[0, 1] > 0.5
    assert not control(ordered, "random", seed=1).equals(random)
    shuffled = ordered.take(np.random.default_rng(0).permutation(len(ids)))
    assert control(shuffled, "random", seed=0).equals(random)
    assert control(ordered.slice(0, 0), "reversed", seed=0).num_rows == 0
