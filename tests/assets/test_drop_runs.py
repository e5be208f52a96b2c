"""A backfill of many drops in one run, as the UI starts it: on an instance in memory, over a lake that is measured."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from assets.measures import MEASURES
from assets.partitions import drops
from ops.core.measure_schemas import EMBEDDINGS, STEP_COSTS
from pipelines.definitions import bind
from resources.config.settings import Settings, load_settings
from resources.engines.progress import Progress, SilentProgress
from resources.intake.admission import admit
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.recorded import row_audits
from resources.models.encoder_source import encoder_identity
from tests.support.drops import llava, make_drop
from tests.support.standing_lake import arrive, measured

pytestmark = pytest.mark.full

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
DROPS = ["a", "broken", "c"]


@pytest.fixture
def settings() -> Settings:
    return load_settings()


@pytest.fixture
def lake(tmp_path: Path, settings: Settings) -> Lake:
    """Three drops; the gate of the second one's files rejects it, and one gate of the third's measures has failed."""
    lake = Lake(tmp_path / "lake")
    for drop in DROPS:
        arrive(lake, drop, f"{drop}-1", broken=5 if drop == "broken" else 0)
        limits = replace(settings.gates, quarantine_floor=0)
        admit(lake, drop, settings=limits)
        measured(lake, f"{drop}-1", settings, encoder_identity(settings.encoder), failing=("boxes",) * (drop == "c"))
    return lake


def run(
    lake: Lake,
    settings: Settings,
    instance: dg.DagsterInstance,
    first: str,
    last: str,
    *,
    tables: Sequence[str] = tuple(MEASURES),
    progress: Progress | None = None,
) -> dg.ExecuteInProcessResult:
    definitions = bind(lake.root, settings, progress=progress or SilentProgress())
    instance.add_dynamic_partitions(str(drops.name), DROPS)
    return definitions.resolve_job_def("drop_job").execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config=QUIET,
        tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last},
        asset_selection=[dg.AssetKey(table) for table in tables],
    )


def made(result: dg.ExecuteInProcessResult) -> dict[str | None, int]:
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {drop: sum(event.partition == drop for event in events) for drop in {event.partition for event in events}}


def test_a_drop_that_fails_spoils_no_other_and_each_is_told_by_itself(lake: Lake, settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, settings, instance, "a", "c")
        checks = result.get_asset_check_evaluations()
        assert not result.success
        assert made(result) == {"a": len(MEASURES), "c": len(MEASURES)}
        assert {(check.partition, check.check_name) for check in checks if not check.passed} == {("c", "measures_gate")}
        assert len(checks) == 2 * len(MEASURES)
        assert all(check.target_materialization_data for check in checks)
        (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        assert failure.user_failure_data is not None
        assert "1 of 3 drops failed, the others are done: drop 'broken'" in (
            failure.user_failure_data.description or ""
        )
    costs = lake.read(STEP_COSTS).to_pylist()
    assert {(row["drop"], row["outcome"]) for row in costs if row["step"] == "row_measures"} == {
        ("a", "done"),
        ("broken", "failed"),
        ("c", "done"),
    }


def test_a_backfill_of_one_drop_is_of_that_drop(lake: Lake, settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, settings, instance, "a", "a")
        assert (result.success, made(result)) == (True, {"a": len(MEASURES)})
        assert {check.partition for check in result.get_asset_check_evaluations()} == {"a"}


class CutShort(SilentProgress):
    """Interrupts a run when it embeds the second of its drops; the first is measured and checked."""

    def __init__(self) -> None:
        self.checked = False

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Iterator[Any]:
        if self.checked and label.endswith("Embed images and texts"):
            raise KeyboardInterrupt
        self.checked |= label.endswith("Check the measures")
        with super().track(label, total) as advance:
            yield advance


def measured_rows(lake: Lake) -> dict[tuple[str, str], int]:
    """Rows of each table of measures by delivery."""
    tables = {audit.table.name: lake.read(audit.table)["delivery"].to_pylist() for audit in row_audits()}
    return {(name, delivery): rows.count(delivery) for name, rows in tables.items() for delivery in sorted(set(rows))}


def test_a_backfill_that_was_broken_off_does_what_is_missing(tmp_path: Path, settings: Settings) -> None:
    lake = Lake(tmp_path / "lake")
    for number, drop in enumerate(DROPS):
        rows = [llava(n % 4, f"{n % 4}.png", f"A square of {number * 10 + n} cm.") for n in range(12)]
        ingest(lake, make_drop(tmp_path / drop, rows), drop, settings=settings.ingest, progress=SilentProgress())
        admit(lake, drop, settings=settings.gates)
    shutil.copytree(tmp_path / "lake", tmp_path / "undisturbed")
    tables = ("embeddings", *MEASURES)
    with dg.DagsterInstance.ephemeral() as instance:
        broken_off = run(lake, settings, instance, "a", "c", tables=tables, progress=CutShort())
        assert (broken_off.success, made(broken_off)) == (False, {"a": len(tables)})
        first = measured_rows(lake)
        assert {delivery[0] for _, delivery in first} == {"a"}
        vectors = lake.read(EMBEDDINGS).num_rows
        result = run(lake, settings, instance, "a", "c", tables=tables)
        assert result.success
        assert made(result) == dict.fromkeys(DROPS, len(tables))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(Lake(tmp_path / "undisturbed"), settings, instance, "a", "c", tables=tables).success
    whole = measured_rows(Lake(tmp_path / "undisturbed"))
    assert measured_rows(lake) == whole
    assert first.items() < whole.items()
    ids = lake.read(EMBEDDINGS).select(["modality", "content_id"]).to_pylist()
    assert len(ids) == len({tuple(row.values()) for row in ids}) > vectors > 0


def test_a_backfill_of_neighbours_is_one_run(lake: Lake, settings: Settings) -> None:
    """As Dagster's daemon plans one of vectors and measures."""
    graph = bind(lake.root, settings, progress=SilentProgress()).resolve_asset_graph()
    keys = [dg.AssetKey(table) for table in ("embeddings", "measures_difficulty", "canaries")]
    wanted = [AssetKeyPartitionKey(key, drop) for key in keys for drop in reversed(DROPS)]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(drops.name), [*DROPS, "later"])
        with partition_loading_context(dynamic_partitions_store=instance):
            (request,) = build_run_requests_with_backfill_policies(wanted, graph, instance)
    assert set(request.asset_selection or ()) == set(keys)
    assert [request.tags[tag] for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)] == ["a", "c"]
