"""What Dagster says of a drop that was rejected, of a check that is executed alone, and of an empty corpus."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from assets.measures import MEASURES
from assets.partitions import drops
from ops.gates.guards import GuardSettings
from pipelines.definitions import bind
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.gates.outcomes import measures_gates
from resources.intake.admission import admit
from resources.lake.tables import Lake
from resources.measuring.recorded import row_identities
from resources.models.encoder_source import encoder_identity
from tests.support.standing_lake import arrive, measured

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TABLE, AUDIT = "measures_difficulty", "difficulty"


@pytest.fixture
def settings() -> Settings:
    shipped = load_settings()
    return replace(shipped, gates=GuardSettings(quarantine_floor=0))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def definitions(lake: Lake, settings: Settings) -> dg.Definitions:
    return bind(lake.root, settings, progress=SilentProgress())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=home) as instance:
        yield instance


def failed_partitions(instance: dg.DagsterInstance, asset: str) -> list[str]:
    value = get_and_update_asset_status_cache_value(instance, dg.AssetKey(asset), drops)
    failed = value and value.deserialize_failed_partition_subsets(drops)
    return sorted(failed.get_partition_keys()) if failed else []


def records(check: dg.AssetCheckEvaluation, name: str) -> list[dict[str, object]]:
    """The rows of a table among a check's metadata."""
    table = check.metadata[name]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def run_gate(definitions: dg.Definitions, instance: dg.DagsterInstance, drop: str) -> dg.ExecuteInProcessResult:
    """The drop job from the gate on, as a backfill of one partition runs it."""
    instance.add_dynamic_partitions(str(drops.name), [drop])
    return definitions.resolve_job_def("drop_job").execute_in_process(
        instance=instance,
        partition_key=drop,
        raise_on_error=False,
        run_config=QUIET,
        asset_selection=[dg.AssetKey(name) for name in ("drops", "embeddings", *MEASURES)],
    )


@pytest.mark.full
def test_a_rejected_drop_is_not_shown_as_materialised_and_what_follows_is_not_shown_as_failed(
    lake: Lake, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    arrive(lake, "broken", "broken-1", broken=5)
    result = run_gate(definitions, instance, "broken")
    assert not result.get_asset_materialization_events()
    assert [(check.check_name, check.passed, check.partition) for check in result.get_asset_check_evaluations()] == [
        ("ingest_gate", False, "broken")
    ]
    assert [failed_partitions(instance, asset) for asset in ("drops", "embeddings", *MEASURES)] == [
        [] for _ in range(2 + len(MEASURES))
    ]
    (check,) = result.get_asset_check_evaluations()
    first = records(check, "checks")[0]
    assert (first["passed"], first["figure"], first["promised"]) == ("NO", "quarantine_share", "<= 0.05")
    rows = records(check, "ten rows set aside")
    assert [(row["file"], row["reason"]) for row in rows] == [("a.json", "image_missing")] * 5
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["assay/rejected"] == "broken-1"


def test_each_drop_has_checks_of_its_own(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    by_drop = {key for key in graph.asset_check_keys if graph.get(key).partitions_def == drops}
    assert by_drop == {key for key in graph.asset_check_keys if graph.get(key.asset_key).partitions_def is not None}
    assert len(by_drop) == 2 + len(MEASURES) + len(("canaries_gate", "canaries_fall"))


def test_the_check_of_one_audit_is_executed_alone(
    lake: Lake, settings: Settings, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """As the Execute button does: a run of the check, of no asset, for one drop."""
    arrive(lake, "a", "a-1")
    admit(lake, "a", settings=settings.gates)
    encoder = encoder_identity(settings.encoder)
    measured(lake, "a-1", settings, encoder, failing=(AUDIT,))
    instance.add_dynamic_partitions(str(drops.name), ["a"])
    key = dg.AssetCheckKey(dg.AssetKey(TABLE), "measures_gate")
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={key}
    )
    result = job.execute_in_process(instance=instance, partition_key="a", run_config=QUIET)
    assert result.success
    assert not result.get_asset_materialization_events()
    checks = [(check.asset_check_key, check.passed, check.partition) for check in result.get_asset_check_evaluations()]
    assert checks == [(key, True, "a")]
    identities = row_identities(settings, encoder)
    gates = measures_gates(lake, ["a-1"], identities=identities, settings=settings.gates)
    assert gates["a-1"][AUDIT].success, "what the check says now is what counts for the next version"


@pytest.mark.full
def test_where_nothing_enters_the_corpus_job_ends_before_spark(
    lake: Lake, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    arrive(lake, "broken", "broken-1", broken=5)
    run_gate(definitions, instance, "broken")
    job = definitions.resolve_job_def("corpus_job")
    result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)
    assert (result.success, result.get_asset_materialization_events()) == (True, [])
    begun = {event.step_key for event in result.all_events if event.is_step_start}
    skipped = {event.step_key for event in result.all_events if event.is_step_skipped}
    assert (begun, skipped) == ({"corpus"}, {node.name for node in job.nodes} - {"corpus"})
    logged = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any("broken" in line and "quarantine_share" in line for line in logged)
