"""What the UI shows of the assets: each has an owner's place, a version of its code, and columns with meanings."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from assets.measures import MEASURES
from assets.specs import type_name
from ops.audits.column_meanings import column_meaning
from ops.audits.registry import all_audits
from ops.core.columns import MEANING, meaning
from ops.core.measure_schemas import CANARIES, CHECKPOINTS
from ops.core.tables import TABLES
from pipelines.definitions import bind
from resources.config.settings import load_settings

OF_NO_TABLE = {"corpus", "corpus_canaries", "report"}


@pytest.fixture(scope="module")
def nodes() -> dict[str, dg.AssetSpec]:
    shipped = load_settings(None)
    owned = replace(
        shipped, operation=replace(shipped.operation, owners=("team:data",), fresh_hours=7.0, measured_hours=9.0)
    )
    definitions = bind("lake", owned)
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_every_table_is_shown_with_its_columns_and_what_they_mean(nodes: dict[str, dg.AssetSpec]) -> None:
    tables = {audit.table.name: audit.table for audit in all_audits().values()} | TABLES
    tables["checkpoint_alignment"] = CHECKPOINTS
    for name, spec in nodes.items():
        assert list(spec.owners) == ["team:data"]
        assert spec.description
        if name in OF_NO_TABLE:
            continue
        schema = spec.metadata["dagster/column_schema"]
        assert [(column.name, column.type) for column in schema.columns] == [
            (field.name, type_name(field.type)) for field in tables[name].schema
        ]
        assert [column.name for column in schema.columns if not column.description] == []
        assert spec.code_version


def test_a_type_does_not_list_the_fields_of_its_structs() -> None:
    reasons = TABLES["verdicts"].schema.field("reasons").type
    assert type_name(reasons) == "list<struct>"


def test_an_audit_is_linked_to_its_file(nodes: dict[str, dg.AssetSpec]) -> None:
    for audit in all_audits().values():
        spec = nodes[audit.table.name]
        (reference,) = spec.metadata["dagster/code_references"].code_references
        assert reference.file_path.endswith(f"ops/audits/{audit.name}.py")
        assert spec.code_version == str(audit.revision)


def test_versions_must_be_fresh_and_drops_follow_no_failed_gate(nodes: dict[str, dg.AssetSpec]) -> None:
    assert nodes["versions"].freshness_policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=7))
    fresh = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=9))
    assert {name for name, spec in nodes.items() if spec.freshness_policy == fresh} == {*MEASURES, CANARIES.name}
    follow = {name for name, spec in nodes.items() if spec.automation_condition is not None}
    assert follow >= {"embeddings", "measures_claims", "measures_duplicates", "verdicts", "report"}
    assert not follow & {"examples", "drops", "quarantine"}, "what starts from a drop's folder"


def test_no_meaning_is_of_a_column_that_is_gone() -> None:
    tables = {audit.table.name: audit.table for audit in all_audits().values()} | TABLES
    tables["checkpoint_alignment"] = CHECKPOINTS
    known = {name for table in tables.values() for name in table.schema.names}
    known |= {f"{table.name}.{name}" for table in tables.values() for name in table.schema.names}
    assert MEANING.keys() - known == set()


def test_a_page_says_what_its_columns_hold() -> None:
    duplicates = all_audits()["duplicates"]
    assert column_meaning(duplicates, "copies") == "`group_id` names the group and `copies` counts its members;"
    assert column_meaning(duplicates, "example_id") == meaning(duplicates.table, "example_id")
