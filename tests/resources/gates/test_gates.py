"""Gates with real Great Expectations over a real lake: each expectation met, and each broken."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.ranges import COSINE, P_VALUE, Range, column
from ops.audits.registry import all_audits
from ops.core.schemas import DROP_FILES, DROPS, EXAMPLES, PREFERENCES, QUARANTINE, TableSpec
from ops.core.tables import TABLES
from ops.core.version_schemas import VERSIONS
from ops.gates.content_facts import contradiction_facts, pollution_facts
from ops.gates.guards import GuardSettings
from resources.gates.gates import GateResult, candidate_gate, ingest_gate, measures_gate, run_gate
from resources.gates.suites import candidate_suites, within
from resources.lake.tables import Lake
from tests.support.candidate_facts import facts_of_rows

LIMITS = GuardSettings(
    quarantine_floor=0, removed_floor=0, removed_limit=0.5, contradiction_limit=0.5, abstention_limit=0.5
)
AUDIT = Audit(
    name="grounding",
    title="Grounding",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema([column("cosine", pa.float64(), COSINE), column("p_value", pa.float64(), P_VALUE)]),
    measure=lambda inputs, settings: None,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def put(lake: Lake, spec: TableSpec, rows: list[dict[str, Any]], **partition: Any) -> None:
    lake.write(
        spec, pa.Table.from_pylist(rows, schema=spec.schema), partition=partition, once=f"{len(rows)}{partition}"
    )


def deliver(
    lake: Lake,
    *,
    kept: int,
    missing: int = 0,
    told_kept: int | None = None,
    told_in: int | None = None,
    reason: str = "image_missing",
) -> str:
    """A delivery of one file; `told_*` is what its row of `drops` claims, where that is not the truth."""
    delivery = "x-1"
    rows = [
        {"drop": "x", "delivery": delivery, "example_id": f"e{n}", "provenance": {"file": "a.json", "row": n}}
        for n in range(kept)
    ]
    aside = [{"delivery": delivery, "file": "a.json", "row": n, "reason": reason} for n in range(missing)]
    put(lake, EXAMPLES, rows, delivery=delivery)
    put(lake, QUARANTINE, aside, delivery=delivery)
    counts = {"rows_kept": kept if told_kept is None else told_kept, "rows_quarantined": missing}
    counts["rows_in"] = kept + missing if told_in is None else told_in
    row = {"drop": "x", "delivery": delivery, "state": "arrived", **counts}
    put(lake, DROP_FILES, [{"delivery": delivery, "file": "a.json", **counts}])
    lake.log(DROPS, lambda log: [row])
    return delivery


def failed(gate: GateResult) -> list[tuple[str, str]]:
    return [(check["part"], check["figure"]) for check in gate.results["checks"] if not check["success"]]


def test_a_good_delivery_passes(lake: Lake):
    gate = ingest_gate(lake, deliver(lake, kept=99, missing=1), settings=LIMITS)
    assert gate.success
    assert gate.failures == []
    assert gate.message == "ingest gate passed for drop 'x'"
    assert gate.results["facts"]["drop"][0]["quarantine_share"] == 0.01
    promised = {check["figure"]: check["promised"] for check in gate.results["checks"]}
    assert promised["quarantine_share"] == "<= 0.05"


def test_too_many_unusable_rows_fail_and_the_reasons_are_named(lake: Lake):
    gate = ingest_gate(lake, deliver(lake, kept=69, missing=31), settings=LIMITS)
    assert gate.failures == ["quarantine_share 0.31 > 0.05 (image_missing 31)"]
    assert gate.message.startswith(
        "ingest gate failed for drop 'x': quarantine_share 0.31 > 0.05 (image_missing 31). Fix:"
    )
    assert "image_missing: Deliver the image" in gate.message


def test_a_few_unusable_rows_of_a_tiny_drop_are_tolerated(lake: Lake):
    delivery = deliver(lake, kept=2, missing=2)
    assert not ingest_gate(lake, delivery, settings=LIMITS).success
    assert ingest_gate(lake, delivery, settings=replace(LIMITS, quarantine_floor=2)).success


def test_a_file_that_breaks_off_fails_however_little_of_it_was_seen(lake: Lake):
    delivery = deliver(lake, kept=999, missing=1, reason="file_unreadable")
    gate = ingest_gate(lake, delivery, settings=LIMITS)
    assert gate.failures == ["unreadable_files 1 ≠ 0"]
    assert "allow_unreadable_files" in gate.message
    assert ingest_gate(lake, delivery, settings=replace(LIMITS, allow_unreadable_files=True)).success


def test_lost_rows_fail(lake: Lake):
    gate = ingest_gate(lake, deliver(lake, kept=5, told_in=8), settings=LIMITS)
    assert gate.failures == ["file 'a.json': rows_lost 3 ≠ 0"]


def test_rows_that_are_not_stored_fail(lake: Lake):
    gate = ingest_gate(lake, deliver(lake, kept=5, told_kept=6, told_in=6), settings=LIMITS)
    assert gate.failures == ["file 'a.json': rows_kept 6 ≠ stored_kept 5"]


def test_a_delivery_without_usable_rows_fails(lake: Lake):
    gate = ingest_gate(lake, deliver(lake, kept=0, missing=3), settings=LIMITS)
    assert "rows_kept 0 < 1 (image_missing 3)" in gate.failures


def test_a_delivery_without_files_fails(lake: Lake):
    row = {"drop": "y", "delivery": "y-1", "state": "arrived"}
    lake.log(DROPS, lambda log: [row | dict.fromkeys(("rows_in", "rows_kept", "rows_quarantined"), 0)])
    gate = ingest_gate(lake, "y-1", settings=LIMITS)
    assert "rows of facts 0, promised >= 1" in gate.failures


def test_an_unknown_delivery_is_an_error(lake: Lake):
    with pytest.raises(LookupError, match="'nope' is not in the lake"):
        ingest_gate(lake, "nope", settings=LIMITS)


def measure(lake: Lake, *rows: tuple[str, int, float | None, float | None], audit: Audit = AUDIT) -> GateResult:
    deliver(lake, kept=2)
    names = ("example_id", "turn", "cosine", "p_value")
    table = [dict(zip(names, row, strict=True), delivery="x-1", identity="i") for row in rows]
    lake.write(
        audit.table,
        pa.Table.from_pylist(table, schema=audit.table.schema),
        partition={"delivery": "x-1", "identity": "i"},
        once="m",
    )
    return measures_gate(lake, audit, deliveries=["x-1"], identity="i", settings=LIMITS)


def test_measures_as_promised_pass(lake: Lake):
    gate = measure(lake, ("e0", 0, 0.5, 0.01), ("e0", 1, -1.0, 1.0), ("e1", 0, None, None))
    assert gate.success
    assert gate.results["facts"]["measures"][0]["rows"] == 3


def test_no_measures_pass(lake: Lake):
    assert measure(lake).success


@pytest.mark.parametrize(
    ("rows", "failure"),
    [
        ([("e0", 0, 1.5, 0.1)], "cosine.maximum 1.5 > 1.001"),
        ([("e0", 0, -1.5, 0.1)], "cosine.minimum -1.5 < -1.001"),
        ([("e0", 0, 0.5, 0.0)], "p_value.minimum 0 (promised > 0)"),
        ([("e0", 0, float("nan"), 0.1)], "cosine.nans 1 ≠ 0"),
        ([("e0", 0, 0.5, 0.1), ("e0", 0, 0.5, 0.1)], "duplicate_keys 1 ≠ 0 (e0 0)"),
        ([(None, 0, 0.5, 0.1)], "null_keys 1 ≠ 0"),
        ([("gone", 0, 0.5, 0.1)], "unknown_examples 1 ≠ 0"),
        ([("e0", 0, None, None)], "abstained_share 1 > 0.5"),
    ],
)
def test_a_broken_promise_of_an_audit_fails(lake: Lake, rows: list[Any], failure: str):
    gate = measure(lake, *rows)
    assert failure in gate.failures
    assert gate.message.startswith("measures gate failed for audit 'grounding' of x-1: ")


def test_a_column_is_held_to_what_its_audit_declares_and_not_to_what_it_is_called(lake: Lake):
    named = pa.schema([("cosine", pa.float64()), column("p_value", pa.float64(), Range(high=1))])
    loose = replace(AUDIT, columns=named)
    assert measure(lake, ("e0", 0, 3.0, -7.5), audit=loose).success


@pytest.mark.parametrize(("share", "failures"), [(-0.75, []), (1.5, ["region_agreed_share.maximum 1.5 > 1"])])
def test_places_of_claims_may_rule_out_more_of_what_is_claimed_than_of_the_rest(
    lake: Lake, share: float, failures: list[str]
):
    deliver(lake, kept=1)
    audit = all_audits()["claims"]
    row = {"delivery": "x-1", "identity": "i", "example_id": "e0", "turn": 0, "claim": 0, "abstained": False}
    put(lake, audit.table, [row | {"region_agreed_share": share}], delivery="x-1", identity="i")
    assert measures_gate(lake, audit, deliveries=["x-1"], identity="i").failures == failures


def test_a_list_is_held_to_the_range_of_its_members(lake: Lake):
    deliver(lake, kept=1)
    audit = all_audits()["claims"]
    row = {"delivery": "x-1", "identity": "i", "example_id": "e0", "turn": 0, "claim": 0, "abstained": False}
    put(lake, audit.table, [row | {"box": [0.0, 0.0, 1.0, 1.25]}], delivery="x-1", identity="i")
    gate = measures_gate(lake, audit, deliveries=["x-1"], identity="i")
    assert gate.failures == ["box.maximum 1.25 > 1"]


def test_a_column_that_the_files_lack_fails_though_the_lake_reads_it_as_nulls(lake: Lake):
    older = replace(AUDIT, columns=pa.schema([("cosine", pa.float64())]))
    deliver(lake, kept=1)
    rows = [{"delivery": "x-1", "identity": "i", "example_id": "e0", "turn": 0, "cosine": 0.5}]
    put(lake, older.table, rows, delivery="x-1", identity="i")
    gate = measures_gate(lake, AUDIT, deliveries=["x-1"], identity="i")
    assert failed(gate) == [("measures", "missing_columns")]
    assert gate.failures == ["missing_columns p_value (promised none)"]


def member(n: int, **columns: Any) -> dict[str, Any]:
    return {"version": 1, "delivery": "x-1", "example_id": f"e{n}", **columns}


def candidate_rows(**changed: list[dict]) -> dict[str, pa.Table]:
    """A version of ten examples: seven stay, one is held, two are dropped; `changed` replaces a table's rows."""
    ids = [member(n) for n in range(10)]
    actions = ["keep"] * 7 + ["hold", "drop", "drop"]
    reason = [{"rule": "flip", "audit": "contradictions", "detail": "flipped"}]
    of = {"dataset": "vqa", "kind": "sft"}
    rows: dict[str, list[dict]] = {
        "verdicts": [
            {**i, **of, "action": a, "reasons": [] if a == "keep" else reason}
            for i, a in zip(ids, actions, strict=True)
        ],
        "curated": [{**i, "weight": 1.0} for i in ids[:7]],
        "curriculum": [{**i, "stage": n // 4, "position": n} for n, i in enumerate(ids[:7])],
    } | changed
    return {name: pa.Table.from_pylist(rows[name], schema=TABLES[name].schema) for name in rows}


def judge(rows: dict[str, pa.Table], *, limits: GuardSettings = LIMITS, replays: bool = False) -> GateResult:
    """The candidate gate over rows that are not in a lake."""
    ids = pa.Table.from_pylist([member(n) for n in range(10)], schema=pa.schema([*KEYS[Grain.EXAMPLE]]))
    streams = {name: table.to_batches() for name, table in {**rows, "examples": ids}.items()}
    suites = candidate_suites(limits, replays=replays)
    facts = facts_of_rows(**streams) | contradiction_facts([]) | pollution_facts([])
    return run_gate("candidate", "it", facts, suites=suites, run="r", history=None)


@pytest.mark.parametrize(("config", "success"), [("{}", False), ('{"curriculum": {"replay": 0.5}}', True)])
def test_a_candidate_in_the_lake_may_repeat_examples_where_its_configuration_says_so(
    lake: Lake, config: str, success: bool
):
    deliver(lake, kept=10)
    order = [member(n % 7, stage=n // 7, position=n) for n in range(9)]
    for name, table in candidate_rows(curriculum=order).items():
        lake.write(TABLES[name], table, partition={"version": 1}, once="1")
    lake.log(VERSIONS, lambda log: [{"version": 1, "state": "candidate", "config": config}])
    gate = candidate_gate(lake, 1, deliveries=["x-1"], settings=LIMITS)
    assert gate.success is success
    assert gate.results["facts"]["version"][0]["removed_share"] == 0.3


def test_too_many_contradicted_queries_fail(lake: Lake):
    names = ("judgement_id", "image_key", "query_key")
    judged = [("j0", "i", "q0"), ("j1", "i", "q0"), ("j2", "i", "q1"), ("j3", "i", "q2"), ("j4", "i", "q2")]
    rows = [{"delivery": "x-1", **dict(zip(names, row, strict=True))} for row in judged]
    put(lake, PREFERENCES, rows, delivery="x-1")
    audit = all_audits()["contradictions"]
    flags = [("j0", "is_flip", "upheld"), ("j1", "is_flip", "overruled"), ("j3", "in_cycle", None)]
    flags += [("j2", "is_identical", None)]
    against = [
        {"delivery": "x-1", "judgement_id": j, kind: True, "side": side, "identity": "c"} for j, kind, side in flags
    ]
    put(lake, audit.table, against, identity="c")
    lake.log(VERSIONS, lambda log: [{"version": 1, "measures": '{"contradictions": "c"}', "config": "{}"}])
    limits = replace(LIMITS, contradiction_limit=0.6, unresolved_limit=0.3)
    gate = candidate_gate(lake, 1, deliveries=["x-1"], settings=limits)
    assert {"contradicted_share 0.6667 > 0.6", "unresolved_share 0.3333 > 0.3"} <= set(gate.failures)
    limits = replace(limits, contradiction_limit=0.7, unresolved_limit=0.4)
    again = candidate_gate(lake, 1, deliveries=["x-1"], settings=limits)
    assert not [failure for failure in again.failures if "unresolved" in failure or "contradicted" in failure]


def test_too_many_polluted_targets_fail(lake: Lake):
    deliver(lake, kept=10)
    rows = lake.read(TABLES["examples"]).to_pylist()
    lake_rows = [row | {"kind": "preference" if n > 7 else "sft"} for n, row in enumerate(rows)]
    put(lake, TABLES["examples"], [row | {"delivery": "x-2"} for row in lake_rows], delivery="x-2")
    key = [{"delivery": "x-2", "example_id": row["example_id"], "identity": "m"} for row in lake_rows]
    values = {
        "rejected_as_target": [key[0]],
        "reward_leaks": [key[0] | {"is_both_sides": True}, key[1] | {"is_both_sides": False}],
        "reward_residue": [key[2] | {"kind": "rating"}, key[3]],
    }
    for name, measures in values.items():
        partition = {"delivery": "x-2"} if name == "reward_residue" else {}
        put(lake, all_audits()[name].table, measures, identity="m", **partition)
    pinned = dict.fromkeys(values, "m")
    lake.log(VERSIONS, lambda log: [{"version": 1, "measures": json.dumps(pinned), "config": "{}"}])
    gate = candidate_gate(lake, 1, deliveries=["x-2"], settings=replace(LIMITS, pollution_limit=0.2))
    counts = "rejected_as_target 1, reward_leaks 1, reward_residue 1"
    assert f"polluted_share 0.25 > 0.2 ({counts})" in gate.failures


def test_a_whole_candidate_passes():
    assert judge(candidate_rows()).failures == []


@pytest.mark.parametrize(
    ("limits", "failure"),
    [
        (replace(LIMITS, removed_limit=0.2), "removed_share 0.3 > 0.2 (flip 3)"),
        (replace(LIMITS, removed_limit_dataset=0.2), "dataset 'vqa': removed_share 0.3 > 0.2"),
        (replace(LIMITS, removed_limit_dataset=0.2), "delivery 'x-1': removed_share 0.3 > 0.2"),
    ],
)
def test_a_candidate_beyond_a_limit_fails(limits: GuardSettings, failure: str):
    assert failure in judge(candidate_rows(), limits=limits).failures


def test_small_datasets_are_held_to_no_limit_of_their_own():
    assert judge(candidate_rows(), limits=replace(LIMITS, removed_limit_dataset=0.1, removed_floor=11)).success


@pytest.mark.parametrize(
    ("table", "rows", "figures"),
    [
        ("curated", [member(n, weight=1.0) for n in range(6)], {"lost", "missing_members", "unknown_in_curriculum"}),
        (
            "curated",
            [member(n, weight=1.0) for n in (*range(7), 6)],
            {"lost", "duplicate_members"},
        ),
        (
            "curated",
            [member(n, weight=1.0) for n in (*range(6), 9)],
            {"missing_members", "unexpected_members", "missing_in_curriculum", "unknown_in_curriculum"},
        ),
        ("curated", [member(n, weight=1.5 if n else None) for n in range(7)], {"bad_weights"}),
        ("curriculum", [member(n, stage=0, position=n) for n in range(6)], {"missing_in_curriculum"}),
        ("curriculum", [member(n, stage=0, position=n // 2) for n in range(7)], {"wrong_positions"}),
        (
            "curriculum",
            [member(n % 7, stage=0, position=n) for n in range(8)],
            {"repeated_in_stage", "repeated_in_curriculum"},
        ),
        ("curriculum", [member(n % 7, stage=n // 7, position=n) for n in range(8)], {"repeated_in_curriculum"}),
        (
            "verdicts",
            [member(n, action="keep", dataset="vqa", kind="sft", reasons=[]) for n in (*range(7), 6, 99)],
            {"unjudged_examples", "unknown_verdicts", "duplicate_verdicts", "lost", "missing_members"},
        ),
    ],
)
def test_an_inconsistent_candidate_fails(table: str, rows: list[dict], figures: set[str]):
    gate = judge(candidate_rows(**{table: rows}))
    assert {figure for _, figure in failed(gate)} == figures


def test_an_empty_candidate_fails():
    verdicts = [member(n, action="drop", dataset="vqa", kind="sft", reasons=[]) for n in range(10)]
    gate = judge(candidate_rows(verdicts=verdicts, curated=[], curriculum=[]))
    assert "curated 0 < 1" in gate.failures


def test_results_are_json_and_history_is_kept(lake: Lake):
    delivery = deliver(lake, kept=3)
    ingest_gate(lake, delivery, settings=LIMITS)
    gate = ingest_gate(lake, delivery, settings=LIMITS)
    assert json.loads(json.dumps(gate.results)) == gate.results
    kept = sorted(Path(lake.root, ".gates").rglob("*.json"))
    assert len(kept) == 4  # two suites, twice
    written = json.loads(kept[0].read_text())
    assert written["success"] is True
    assert {path.parts[-2] for path in kept} == {delivery}


def test_many_failing_rows_are_named_up_to_a_few():
    facts = {"files": pa.table({"file": [f"{n}.json" for n in range(9)], "rows_lost": range(9)})}
    gate = run_gate("g", "s", facts, suites={"files": [within("rows_lost", high=1)]}, run="r", history=None)
    assert gate.failures[0] == "file '2.json': rows_lost 2 > 1"
    assert gate.failures[-1] == "and 2 more of files with such a rows_lost"


def test_an_expectation_that_cannot_be_judged_fails_and_says_why():
    facts = {"files": pa.table({"file": ["a"]})}
    gate = run_gate("g", "s", facts, suites={"files": [within("gone", high=1)]}, run="r", history=None)
    assert not gate.success
    assert "gone of files could not be judged" in gate.failures[0]


@pytest.mark.full  # imports Great Expectations anew
def test_a_program_without_a_file_survives_the_import():
    # pyspark's Connect ends such a process with status 0 when it is imported without its packages.
    code = "from resources.gates.suites import great_expectations as load; load(); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "alive"
