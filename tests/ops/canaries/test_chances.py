"""What canaries tell of own rows: kept by the lake as it was fitted, and summed over what rules flag."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, chances_by_unit, fitted_chances, foreseen_wrong
from ops.canaries.rows import MARK
from ops.core.measure_schemas import CANARY_CHANCES
from ops.decision.policy import Action, Condition, Rule

OWN, CANARIES = 400, 60
AUDIT = all_audits()["claims"]
CONTRADICTED = Rule("contradicted", "claims", (Condition.parse("verdict == contradicted"),), Action.HOLD, "false")
SURE = Rule("sure", "claims", (Condition.parse("score >= 0.99"),), Action.HOLD, "false")


def claims(name: str, *scores: float | None) -> list[dict[str, object]]:
    """Rows of the audit of one example; a claim without a score cannot be told."""
    rows: list[dict[str, object]] = []
    for number, score in enumerate(scores):
        verdict = "abstained" if score is None else "contradicted" if score > 0.5 else "supported"
        keys = {"delivery": "d", "example_id": name, "turn": 0, "claim": number}
        rows.append({**keys, "score": score or 0.7, "verdict": verdict, "abstained": score is None})
    return rows


def measures() -> pa.Table:
    """400 own rows, every tenth of them with a false claim beside a true one, canaries, and own rows of which the audit
    can tell nothing."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for n in range(OWN):
        least, most = (0.6, 1.0) if n % 10 == 0 else (0.01, 0.4)
        rows += claims(f"{n:03}", float(rng.uniform(0.01, 0.4)), float(rng.uniform(least, most)))
    for n in range(CANARIES):
        rows += claims(f"{MARK}false_colour-{n:03}", float(rng.uniform(0.01, 0.4)), float(rng.uniform(0.6, 1.0)))
    rows += claims(f"{MARK}wrong_image-000", 0.01)
    rows += claims("silent", None)
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


@pytest.fixture(scope="module")
def chances() -> AuditChances:
    table = measures()
    faults = {
        str(i): str(i).removeprefix(MARK).partition("-")[0]
        for i in table["example_id"].to_pylist()
        if str(i).startswith(MARK)
    }
    audits = [AUDIT, all_audits()["boxes"]]
    (fitted,) = fitted_chances(faults, {"claims": table, "boxes": all_audits()["boxes"].schema.empty_table()}, audits)
    return fitted


def own(columns: set[str]) -> Iterator[pa.RecordBatch]:
    table = measures().filter(pa.compute.invert(pa.compute.starts_with(measures()["example_id"], MARK)))
    # In small batches, so that an example's rows lie in several.
    yield from table.select(["example_id", *sorted(columns)]).to_batches(max_chunksize=7)


def test_the_canaries_of_the_faults_that_it_names_tell_of_own_rows(chances: AuditChances) -> None:
    assert (len(chances.model.canaries), chances.model.own, chances.model.why) == (CANARIES, OWN, "")
    assert chances.model.share == pytest.approx(0.1, abs=0.03)
    likely = chances.of_examples(own({"score", "abstained"}))
    assert "silent" not in likely
    assert len(likely) == OWN
    assert (
        min(likely[f"{n:03}"][0] for n in range(0, OWN, 10))
        > 0.5
        > max(likely[f"{n:03}"][0] for n in range(1, OWN, 10))
    )


def test_the_lake_keeps_it_as_it_was_fitted(chances: AuditChances) -> None:
    stored = pa.Table.from_pylist([chances.row], schema=CANARY_CHANCES.schema).to_pylist()[0]
    restored = AuditChances.of_row(stored)
    assert restored.suspicion == chances.suspicion
    assert restored.of_examples(own({"score", "abstained"})) == chances.of_examples(own({"score", "abstained"}))


def test_wrong_flags_are_what_the_chances_leave(chances: AuditChances) -> None:
    likely = chances.of_examples(own({"score", "abstained"}))
    wrong = foreseen_wrong(own, [CONTRADICTED, SURE], chances)
    assert wrong["contradicted"] == pytest.approx(sum(1 - likely[f"{n:03}"][0] for n in range(0, OWN, 10)))
    assert wrong["sure"] < wrong["contradicted"]


def test_rows_that_an_audit_does_not_find_count_as_unfound() -> None:
    """Of 400 own rows 20 are nearly the same as another, as are 54 of 60 canaries; others have no row."""
    audit = all_audits()["near_duplicates"]
    rng = np.random.default_rng(0)
    canaries = {f"{MARK}reworded_copy-{n:03}": "reworded_copy" for n in range(CANARIES)}
    near = [f"{n:03}" for n in range(20)] + list(canaries)[: CANARIES - 6]
    rows = [{"delivery": "d", "example_id": name, "jaccard": float(rng.uniform(0.8, 1))} for name in near]
    table = pa.Table.from_pylist(rows, schema=audit.schema)
    every = [f"{n:03}" for n in range(OWN)]
    (chances,) = fitted_chances(canaries, {audit.name: table}, [audit], own=every)
    assert (chances.model.own, len(chances.model.canaries), chances.model.why) == (OWN, CANARIES, "")
    assert chances.columns == {"jaccard"}
    assert chances.model.share == pytest.approx(0.05, abs=0.02)
    likely = chances.of_examples(table.to_batches())
    assert np.mean([likely[name][0] for name in every[:20]]) > 0.8
    # A row that was not found is sound, and the lake says so, too.
    stored = pa.Table.from_pylist([chances.row], schema=CANARY_CHANCES.schema).to_pylist()[0]
    unfound = np.zeros(1)
    assert chances.model.chances(["500"], unfound)[0] < 0.1
    assert (
        AuditChances.of_row(stored).model.chances(["500"], unfound) == chances.model.chances(["500"], unfound)
    ).all()
    # Without the rows that it looked at, all own rows that it knows seem faulty.
    (alone,) = fitted_chances(canaries, {audit.name: table}, [audit])
    assert alone.model.why


def test_what_no_chance_is_told_of_is_not_foreseen(chances: AuditChances) -> None:
    silent = Rule("silent", "claims", (Condition.parse("verdict == abstained"),), Action.HOLD, "silent")
    never = Rule("never", "claims", (Condition.parse("score > 2"),), Action.HOLD, "never")
    wrong = foreseen_wrong(own, [silent, never], chances)
    assert np.isnan(wrong["silent"])
    assert wrong["never"] == 0
    assert np.isnan(foreseen_wrong(own, [CONTRADICTED], None)["contradicted"])


def test_p_values_of_files_tell_of_the_rows_of_runs() -> None:
    """80 files of 20 rows; in every tenth the rows from 5 to 14 are a run, and row 8 says nothing of itself."""
    audit = all_audits()["alignment_shift"]
    assert audit.suspicion
    levels = np.linspace(0.01, 1, 80)
    rows = [
        {
            "example_id": f"{file:02}-{row:02}",
            "file": f"{file}.json",
            "abstained": row in (8, 19),
            "is_shifted": file % 10 == 0 and 5 <= row < 15,
            "p_value": 1e-9 if file % 10 == 0 and 5 <= row < 15 else None if row in (8, 19) else float(levels[file]),
        }
        for file in range(80)
        for row in range(20)
    ]
    batches = pa.Table.from_pylist(rows, schema=audit.schema).to_batches(max_chunksize=7)
    chances = chances_by_unit(audit.name, audit.suspicion, batches)
    assert (chances.model.own, chances.model.why) == (80, "")
    assert chances.model.share == pytest.approx(0.1, abs=0.05)
    likely = chances.of_examples(batches)
    assert sorted(likely) == [f"{file:02}-{row:02}" for file in range(0, 80, 10) for row in range(5, 15)]
    assert min(chance for chance, _, _ in likely.values()) > 0.95
    stored = pa.Table.from_pylist([chances.row], schema=CANARY_CHANCES.schema).to_pylist()[0]
    assert AuditChances.of_row(stored) == chances
    # What canaries would tell of that audit is not asked.
    assert list(fitted_chances({}, {audit.name: pa.Table.from_batches(batches)}, [audit])) == []
