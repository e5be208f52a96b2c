"""The kinds of pictures that a checkpoint lost count more in the version whose mix names it."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ops.checkpoints.clusters import ClusterShift, Loss
from ops.core.errors import UnusableError
from ops.core.measure_schemas import CHECKPOINTS, EMBEDDINGS
from ops.core.vectors import unit
from ops.core.version_schemas import CURATED, VERDICTS
from ops.decision.mix import MixSettings
from ops.decision.policy import Policy
from resources.config.settings import Settings, load_settings
from resources.lake.tables import Lake
from resources.versions.publishing import compare, current_version, publish
from tests.support.versions import build, deliver

KITCHENS, STREETS = "a kitchen", "a street"
LOSS = Loss(1.0, 0.5, 0.5, (0.4, 0.6), 0.1, apart=True, times=2.0)
PICTURES = [f"{number:064x}" for number in range(1, 60, 2)]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return replace(load_settings(), policy=Policy())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Sixty examples: every other one has a picture, of a kitchen the first ten, of a street the other twenty."""
    lake = Lake(tmp_path / "lake")
    deliver(lake, "a", "a-1", [f"answer {number}" for number in range(60)])
    chance = np.random.default_rng(0)
    middles = np.eye(8)[np.repeat([0, 1], [10, 20])]
    vectors = unit(5 * middles + chance.normal(size=(30, 8))).astype("<f2")
    partition = {"encoder": "encoder", "modality": "image"}
    rows = [
        partition | {"content_id": picture, "vector": vector.tobytes()}
        for picture, vector in zip(PICTURES, vectors, strict=True)
    ]
    lake.write(EMBEDDINGS, pa.Table.from_pylist(rows, schema=EMBEDDINGS.schema), partition=partition, once="pictures")
    return lake


def audited(lake: Lake, raise_by: float, kitchens: list[str] = PICTURES[:4], name: str = "tuned.pt") -> None:
    clusters = [
        ClusterShift(KITCHENS, tuple(kitchens), LOSS, None, raise_by),
        ClusterShift(STREETS, tuple(PICTURES[10:16]), LOSS, None, 1.0),
    ]
    row = {"at": datetime.now(UTC), "checkpoint": name, "weights": f"w-{name}"}
    lake.log(
        CHECKPOINTS, lambda _: [row | {"outcome": json.dumps({"clusters": [asdict(cluster) for cluster in clusters]})}]
    )


def weights(lake: Lake, version: int) -> dict[str, float]:
    rows = lake.read(CURATED, where={"version": version}).to_pylist()
    return {row["example_id"]: row["weight"] for row in rows}


def mixed(settings: Settings, checkpoint: str) -> Settings:
    return replace(settings, mix=MixSettings(checkpoint=checkpoint))


ONLY = {"deliveries": ["a-1"], "measures": {"difficulty": "d0"}}


@pytest.mark.parametrize("named", ["tuned.pt", "w-tuned.pt"])
def test_lost_pictures_count_more_whether_they_were_probes_or_not(lake: Lake, settings: Settings, named: str) -> None:
    audited(lake, 2.5)
    candidate = build(lake, mixed(settings, named), **ONLY)
    assert candidate.counts["raised"] == {KITCHENS: 2.5}
    counts = sorted(weights(lake, candidate.version).values())
    assert counts == pytest.approx([0.4] * 50 + [1.0] * 10)
    verdicts = lake.read(VERDICTS, where={"version": candidate.version})["weight"].to_pylist()
    assert set(verdicts) == {1.0}


def test_another_audit_makes_another_version_and_what_changed_is_said(lake: Lake, settings: Settings) -> None:
    publish(lake, build(lake, settings, **ONLY), {"success": True})
    audited(lake, 2.0)
    publish(lake, build(lake, mixed(settings, "tuned.pt"), **ONLY), {"success": True})
    assert compare(lake, 1, 2).counts["reweighted"] == {"all": 50, "new mix": 50}
    assert not build(lake, mixed(settings, "tuned.pt"), **ONLY).fresh
    audited(lake, 3.0)
    assert build(lake, mixed(settings, "tuned.pt"), **ONLY).fresh
    assert current_version(lake) == 2


def test_a_checkpoint_that_lost_nothing_changes_no_weight(lake: Lake, settings: Settings) -> None:
    audited(lake, 1.0)
    candidate = build(lake, mixed(settings, "tuned.pt"), **ONLY)
    assert set(weights(lake, candidate.version).values()) == {1.0}
    assert "raised" not in candidate.counts


def test_shares_of_the_corpus_change_nothing(lake: Lake, settings: Settings) -> None:
    audited(lake, 2.0)
    whole, cut = (build(lake, mixed(settings, "tuned.pt"), share_rows=rows, **ONLY) for rows in (1000, 7))
    assert whole.content == cut.content
    assert sum(weights(lake, cut.version).values()) == pytest.approx(10 + 50 / 2)


def test_what_cannot_be_taken_up_says_why(lake: Lake, settings: Settings) -> None:
    with pytest.raises(UnusableError, match=r"'other\.pt', which was not audited on this lake"):
        build(lake, mixed(settings, "other.pt"), **ONLY)
    older = {"at": datetime.now(UTC), "checkpoint": "older.pt", "weights": "w-older.pt", "outcome": "{}"}
    lake.log(CHECKPOINTS, lambda _: [older])
    with pytest.raises(UnusableError, match="not audited on this lake for kinds of pictures"):
        build(lake, mixed(settings, "older.pt"), **ONLY)
    audited(lake, 2.0, kitchens=["f" * 64])
    with pytest.raises(UnusableError, match="no picture like 'a kitchen' has a vector by encoder"):
        build(lake, mixed(settings, "tuned.pt"), **ONLY)
    with pytest.raises(ValueError, match="checkpoint and visual_share both say"):
        MixSettings(checkpoint="tuned.pt", visual_share=0.5)
