"""Column lineage leads from columns that there are to columns that there are, and through the rules in force."""

import dagster as dg
import pytest

from assets.lineage import LINEAGE, embedded_from, ingested_from, measured_from, versioned_from
from ops.audits.registry import all_audits
from ops.core.tables import TABLES
from ops.text.turn_rows import READ
from resources.config.settings import load_settings

COLUMNS = {audit.table.name: audit.table.schema.names for audit in all_audits().values()} | {
    name: spec.schema.names for name, spec in TABLES.items()
}


def sources(lineage: dg.TableColumnLineage) -> dict[str, set[tuple[str, str]]]:
    return {
        column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps}
        for column, deps in lineage.deps_by_column.items()
    }


@pytest.mark.parametrize("name", sorted(all_audits()))
def test_measures_come_from_columns_that_exist(name: str) -> None:
    audit = all_audits()[name]
    made_from = sources(measured_from(audit)[LINEAGE])
    assert set(audit.columns.names) <= set(made_from)
    for deps in made_from.values():
        assert deps
        assert [column for table, column in deps if column not in COLUMNS[table]] == []


def test_tables_of_ingest_come_from_each_other_where_the_files_alone_do_not_tell() -> None:
    tables = {table: sources(lineage[LINEAGE]) for table, lineage in ingested_from().items()}
    for table, made_from in tables.items():
        assert set(made_from) <= set(COLUMNS[table])
        assert [dep for deps in made_from.values() for dep in deps if dep[1] not in COLUMNS[dep[0]]] == []
    assert {table: set(COLUMNS[table]) - set(tables[table]) for table in ("turns", "dialogues")} == {
        "turns": {"rules"},
        "dialogues": {"rules"},
    }, "all of them but the name of the rules is made of examples"
    assert "rating" not in tables["preferences"]
    assert tables["boxes"]["image_width_px"] == {("images", "width_px")}


def test_the_turns_are_made_of_the_columns_that_are_named() -> None:
    named = {
        column
        for table in ("turns", "dialogues")
        for deps in sources(ingested_from()[table][LINEAGE]).values()
        for _, column in deps
    }
    assert named == set(READ)


def test_vectors_come_from_pictures_and_texts() -> None:
    made_from = sources(embedded_from()[LINEAGE])
    assert set(made_from) <= set(COLUMNS["embeddings"])
    assert made_from["vector"] == {("images", "bytes"), ("examples", "messages")}
    assert [column for deps in made_from.values() for table, column in deps if column not in COLUMNS[table]] == []


def test_a_verdict_comes_from_every_column_that_a_rule_looks_at() -> None:
    settings = load_settings(None)
    tables = {table: sources(lineage[LINEAGE]) for table, lineage in versioned_from(settings).items()}
    for table, made_from in tables.items():
        assert set(made_from) <= set(COLUMNS[table])
        assert [dep for deps in made_from.values() for dep in deps if dep[1] not in COLUMNS[dep[0]]] == []
    looked_at = {(f"measures_{rule.audit}", name) for rule in settings.policy.rules for name in rule.columns}
    assert tables["verdicts"]["action"] == looked_at
    assert tables["curated"]["weight"] == {("verdicts", "weight")}
    assert ("measures_difficulty", "answer_words") in tables["curriculum"]["difficulty"]
