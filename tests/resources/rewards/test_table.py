"""A column of rewards: what they go with, among the answers to one prompt."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ops.core.errors import UnusableError
from ops.rewards.findings import PASS, REJECT, WARN
from resources.rewards.table import audit_column

WORDS = "along with the trees of the park and the old wall beside the water"


def rollouts(path: Path, rewarding: str, *, prompts: int = 40, each: int = 6) -> Path:
    """Answers of one to twelve words behind yes or no, half of them right."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(prompts):
        truth = "yes" if number % 2 else "no"
        for _ in range(each):
            is_right = bool(rng.integers(2))
            spoken = truth if is_right else {"yes": "no", "no": "yes"}[truth]
            words = " ".join(WORDS.split()[: rng.integers(1, 13)])
            long = f"{spoken}, {words}"
            answer = long if rewarding == "length" else spoken
            reward = {"right": float(is_right), "length": len(long) / 10, "same": 1.0, "noise": float(rng.random())}
            row = {"prompt": f"Is it red ({number})?", "completion": answer, "ground_truth": truth}
            rows.append({**row, "reward": reward[rewarding]})
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(
    ("rewarding", "verdict", "named"),
    [
        ("right", PASS, set()),
        ("length", WARN, {"length"}),
        ("same", REJECT, {"constant", "ties"}),
    ],
)
def test_what_rewards_go_with_is_named(tmp_path: Path, rewarding: str, verdict: str, named: set[str]) -> None:
    audit = audit_column(rollouts(tmp_path / "r.parquet", rewarding), "reward")
    assert audit.cases == 240
    assert named <= set(audit.named) <= named | {"no_signal"}
    if rewarding == "right":
        assert (audit.verdict, audit.named) == (verdict, [])
        signal = next(one for one in audit.findings if one.name == "no_signal")
        assert signal.size == pytest.approx(1.0)


def test_rewards_that_follow_nothing_say_so(tmp_path: Path) -> None:
    audit = audit_column(rollouts(tmp_path / "r.parquet", "noise"), "reward")
    assert audit.named == ["no_signal"]


def test_rewards_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "b", "reward": value} for value in (1.0, None, float("nan"), 0.0)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    audit = audit_column(tmp_path / "r.parquet", "reward")
    broken = next(one for one in audit.findings if one.name == "not_finite")
    assert (broken.verdict, broken.share, broken.worst) == (REJECT, 0.5, "row 1")


@pytest.mark.parametrize(
    ("rows", "column", "says"),
    [
        ([{"prompt": "a", "completion": "b", "reward": 1.0}], "score", "no column 'score'; it has prompt"),
        ([{"prompt": "a", "reward": 1.0}], "reward", "no column 'completion'"),
    ],
)
def test_a_column_that_is_lacking_is_named(tmp_path: Path, rows: list[dict], column: str, says: str) -> None:
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    with pytest.raises(UnusableError, match=says):
        audit_column(tmp_path / "r.parquet", column)


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.parquet").write_bytes(b"no table")
    with pytest.raises(UnusableError, match=r"r\.parquet cannot be read as Parquet"):
        audit_column(tmp_path / "r.parquet", "reward")
