"""The lake's own pairs: what would be learnt from them, and a weight for each."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ops.core.schemas import DROPS, PREFERENCES
from pipelines.app import app
from resources.lake.tables import Lake


def lake_of_pairs(place: Path, count: int, *, long: bool) -> str:
    """One admitted delivery of pairs, both sides of each; the chosen one is the longer where `long`, else every
    other one is. Two pairs ask the same."""
    lake = Lake(place)
    rows: list[dict[str, object]] = []
    for number in range(count):
        short, other = f"a cat {number}", f"a dog {number} beside a bus and a tree"
        chosen, rejected = (other, short) if long or number % 2 else (short, other)
        keys = {"example_id": f"e{number}", "query_key": f"q{number // 2}", "image_key": "i", "delivery": "d-1"}
        rows.append({**keys, "label": "chosen", "response": chosen, "opponent": rejected})
        rows.append({**keys, "label": "rejected", "response": rejected, "opponent": chosen})
    table = pa.Table.from_pylist(rows, schema=PREFERENCES.schema)
    lake.write(PREFERENCES, table, partition={"delivery": "d-1"}, once="d-1")
    entered = {"drop": "d", "delivery": "d-1", "source": "d", "at": datetime.now(UTC)}
    lake.log(DROPS, lambda log: [{**entered, "state": state} for state in ("arrived", "admitted")])
    return str(place)


def asked(lake: str, *more: str) -> Result:
    return CliRunner().invoke(app, ["reward", "preferences", "--lake", lake, *more])


def test_longer_answers_that_are_always_chosen_are_rejected_and_weighed(tmp_path: Path) -> None:
    weights = tmp_path / "weights.parquet"
    done = asked(lake_of_pairs(tmp_path / "lake", 60, long=True), "--json", "--weights", str(weights))
    assert done.exit_code == 1, done.output
    audit = json.loads(done.stdout)
    verdicts = {shortcut["name"]: shortcut["verdict"] for shortcut in audit["shortcuts"]}
    assert (audit["verdict"], audit["pairs"], verdicts["length"]) == ("reject", 60, "reject")
    written = {row["example_id"]: row["weight"] for row in pq.read_table(weights).to_pylist()}
    assert set(written) == {f"e{number}" for number in range(60)}
    assert sum(written.values()) == pytest.approx(60)


def test_pairs_without_a_shortcut_pass(tmp_path: Path) -> None:
    done = asked(lake_of_pairs(tmp_path / "lake", 60, long=False))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("pass")


def test_too_few_pairs_are_said(tmp_path: Path) -> None:
    done = asked(lake_of_pairs(tmp_path / "lake", 3, long=True))
    assert done.exit_code == 1
    assert "3 preference pairs in the admitted drops, at least 40 are needed" in done.stderr
