"""Deliveries with next to nothing in them become versions: each is written, embedded, measured, audited on Spark, gated
and published, as `assay run` does it, in a lake of its own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ops.audits.contract import Scope
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import VERDICTS, VERSIONS
from pipelines.execution import run_all
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.versions.publishing import current_version

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("ray_session", "spark", "instance_in_lake"),
]


@pytest.fixture
def instance_in_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lake has a Dagster instance of its own, whatever this shell says."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def picture(folder: Path, number: int) -> str:
    """A picture of coloured squares; its path in the drop."""
    squares = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    (folder / "images").mkdir(exist_ok=True)
    Image.fromarray(squares.astype(np.uint8)).save(folder / "images" / f"{number}.png")
    return f"images/{number}.png"


def turn(number: int, query: str, answer: str, image: str | None = None) -> dict[str, Any]:
    """A row of one question and answer, in LLaVA's format."""
    asked = f"<image>\n{query}" if image else query
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
    return {"id": f"r{number}", "conversations": turns} | ({"image": image} if image else {})


def text_alone(folder: Path) -> Iterator[dict[str, Any]]:
    for n in range(20):
        yield turn(n, f"What is {n} + 1?", f"{n + 1}")


def images_alone(folder: Path) -> Iterator[dict[str, Any]]:
    for n in range(3):
        yield turn(n, "What do you see?", "I don't know.", picture(folder, n))


def labels_alone(folder: Path) -> Iterator[dict[str, Any]]:
    for n in range(6):
        yield {"id": f"l{n}", "prompt": "What is it?", "completion": f"thing {n}", "label": n % 2 > 0}


def one_of_many(folder: Path) -> Iterator[dict[str, Any]]:
    yield turn(0, "Describe the picture.", "A red car stands beside two trees.", picture(folder, 0))
    for n in range(1, 12):
        yield turn(n, "Describe the picture.", "A red car.", f"images/gone {n}.png")


DELIVERIES = (text_alone, images_alone, labels_alone, one_of_many)


@pytest.mark.parametrize("rows_of", DELIVERIES)
def test_a_bare_delivery_becomes_a_version(rows_of: Any, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    rows = list(rows_of(folder))
    (folder / "rows.json").write_text(json.dumps(rows))
    settings = load_settings(None)
    settings = replace(settings, gates=replace(settings.gates, quarantine_limit=1.0, removed_limit=1.0))
    outcomes = run_all(tmp_path / "lake", settings, {"drop": str(folder)}, progress=SilentProgress())
    assert [(o.job, o.success, o.gate_failures, o.error) for o in outcomes] == [
        ("drop_job", True, (), None),
        ("corpus_job", True, (), None),
    ]
    lake = Lake(tmp_path / "lake")
    kept = lake.read(EXAMPLES)["example_id"].to_pylist()
    assert len(kept) + lake.read(QUARANTINE).num_rows == len(rows)
    assert current_version(lake) == 1
    assert sorted(lake.read(VERDICTS, where={"version": 1})["example_id"].to_pylist()) == sorted(kept)
    measured = json.loads(lake.read(VERSIONS).to_pylist()[-1]["measures"])
    assert set(measured) == set(all_audits())
    for name, identity in measured.items():
        audit = all_audits()[name]
        where = {"identity": identity} if audit.scope is Scope.CORPUS else None
        assert set(lake.read(audit.table, where=where)["example_id"].to_pylist()) <= set(kept), name


def test_a_delivery_of_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "rows.json").write_text("[]")
    outcomes = run_all(tmp_path / "lake", load_settings(None), {"drop": str(folder)}, progress=SilentProgress())
    assert not any(outcome.success for outcome in outcomes)
    assert "there is not one row in rows.json" in str(outcomes[0].error)
    assert current_version(Lake(tmp_path / "lake")) is None
