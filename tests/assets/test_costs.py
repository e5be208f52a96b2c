"""Each step says what it took: beside what it made, and in the lake, also where it fails."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.costs import costed
from ops.core.measure_schemas import STEP_COSTS
from resources.lake.tables import Lake


@dg.asset
@costed
def made(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    counts = {"images_new": 3, "texts_new": 1, "images_known": 2, "texts_known": 0, "seconds": 1.5, "device": "cuda"}
    return dg.MaterializeResult(metadata={"rows": 3} | counts)


@dg.multi_asset(specs=[dg.AssetSpec("first", skippable=True), dg.AssetSpec("second", skippable=True)])
@costed
def several(lake: dg.ResourceParam[Lake]) -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(asset_key="first")
    raise RuntimeError("no second")


def test_what_a_step_took_is_shown_and_kept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    instance = dg.DagsterInstance.ephemeral()
    done = dg.materialize([made], instance=instance, resources={"lake": lake})
    failed = dg.materialize([several], instance=instance, resources={"lake": lake}, raise_on_error=False)
    assert not failed.success
    (event,) = done.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["rows"].value == 3
    assert metadata["seconds"].value >= 0
    assert metadata["processor seconds"].value >= 0
    rows = lake.read(STEP_COSTS).sort_by("sequence").to_pylist()
    assert [(row["run"], row["step"], row["drop"], row["outcome"]) for row in rows] == [
        (done.run_id, "made", None, "done"),
        (failed.run_id, "several", None, "failed"),
    ]
    assert all(row["seconds"] > 0 for row in rows)
    assert [(row["embedded"], row["known"], row["gpu_seconds"]) for row in rows] == [(4, 2, 1.5), (None, None, None)]
