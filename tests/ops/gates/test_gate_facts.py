"""The facts that gates judge, on small streams."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.canaries.rows import MARK
from ops.core.hashing import joined, key_hashes
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.gates.content_facts import contradiction_facts, judged_queries, query_counts
from ops.gates.gate_facts import ingest_facts, measures_facts
from tests.support.candidate_facts import facts_of_rows

AUDIT = Audit(
    name="grounding",
    title="Grounding",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema([("cosine", pa.float32()), ("p_value", pa.float64()), ("rank", pa.int32())]),
    measure=lambda inputs, settings: None,
)


def measured(*rows: tuple) -> pa.RecordBatch:
    names = ["example_id", "turn", "cosine", "p_value", "rank"]
    rows_of = [dict(zip(names, row, strict=True), delivery="d") for row in rows]
    return pa.RecordBatch.from_pylist(rows_of, schema=AUDIT.schema)


def facts_of(*batches: pa.RecordBatch, known: tuple[str, ...] = ("a", "b"), columns: list[str] | None = None) -> dict:
    ids = [{"delivery": "d", "example_id": i} for i in known]
    examples = key_hashes(pa.RecordBatch.from_pylist(ids, schema=KEYS[Grain.EXAMPLE]))
    facts = measures_facts(AUDIT, lambda: iter(batches), examples=examples, columns=columns)
    return facts["measures"].to_pylist()[0]


def test_measures_are_counted_over_all_batches():
    row = facts_of(measured(("a", 0, 0.5, 0.01, 3)), measured(("a", 1, -0.25, None, 1), ("b", 0, None, None, None)))
    assert (row["rows"], row["examples_measured"], row["examples_unmeasured"]) == (3, 2, 0)
    assert (row["cosine.minimum"], row["cosine.maximum"], row["cosine.nulls"]) == (-0.25, 0.5, 1)
    assert (row["rank.minimum"], row["rank.maximum"]) == (1, 3)
    assert row["abstained_share"] == pytest.approx(1 / 3)
    assert (row["duplicate_keys"], row["null_keys"], row["unknown_examples"]) == (0, 0, 0)


def test_a_key_repeated_in_another_batch_is_counted_and_named():
    row = facts_of(
        measured(("a", 0, 0.5, 0.1, 3), ("b", None, 0.5, 0.1, 3)),
        measured(("a", 0, 0.1, 0.1, 3), ("b", 7, 0.5, 0.1, 3), ("a", 0, 0.1, 0.1, 3)),
    )
    assert (row["duplicate_keys"], row["duplicates"]) == (2, "a 0")
    assert row["null_keys"] == 1


def test_not_a_number_is_no_extreme():
    row = facts_of(measured(("a", 0, float("nan"), 0.1, 3), ("b", 0, 0.5, 0.1, 3)))
    assert (row["cosine.nans"], row["cosine.minimum"], row["cosine.maximum"]) == (1, 0.5, 0.5)


def test_unknown_examples_and_missing_columns_are_facts():
    row = facts_of(measured(("z", 0, 0.5, 0.1, 3)), columns=["example_id", "turn", "cosine"])
    assert (row["unknown_examples"], row["examples_unmeasured"]) == (1, 2)
    assert row["missing_columns"] == "p_value, rank"


def test_measures_without_rows_have_facts():
    row = facts_of(known=())
    assert (row["rows"], row["cosine.minimum"], row["abstained_share"]) == (0, None, 0.0)


def test_of_lists_the_members_count():
    boxes = Audit(
        name="boxes",
        title="Boxes",
        grain=Grain.EXAMPLE,
        scope=Scope.ROW,
        columns=pa.schema([("box", pa.list_(pa.float32()))]),
        measure=lambda inputs, settings: None,
    )
    rows = [("a", [0.5, 1.5, float("nan")]), ("b", None), ("c", [])]
    batch = pa.RecordBatch.from_pylist([{"example_id": i, "box": box} for i, box in rows], schema=boxes.schema)
    facts = measures_facts(boxes, lambda: iter([batch]), examples=np.zeros(0, np.uint64))["measures"].to_pylist()[0]
    bounds = [facts[f"box.{name}"] for name in ("minimum", "maximum", "nans", "nulls")]
    assert bounds == [0.5, 1.5, 1, 1]


def test_hashes_do_not_depend_on_the_batch():
    rows = [{"delivery": "d", "example_id": f"é{n}", "turn": None if n == 3 else n} for n in range(10)]
    schema = pa.schema([("delivery", pa.string()), ("example_id", pa.string()), ("turn", pa.int32())])
    whole = key_hashes(pa.RecordBatch.from_pylist(rows, schema=schema), schema.names)
    apart = joined(key_hashes(pa.RecordBatch.from_pylist([row], schema=schema), schema.names) for row in rows)
    assert np.array_equal(whole, apart)
    assert len(np.unique(whole)) == 10


def test_files_are_held_against_what_is_stored():
    drop = {"drop": "x", "delivery": "x-1", "rows_in": 5, "rows_kept": 3, "rows_quarantined": 1}
    counts = [{"file": "a.json", "rows_in": 5, "rows_kept": 3, "rows_quarantined": 1}]
    provenance = [{"provenance": {"file": f, "row": n}} for n, f in enumerate(["a.json", "a.json", "b.json"])]
    kept = pa.RecordBatch.from_pylist(provenance, schema=pa.schema([EXAMPLES.schema.field("provenance")]))
    aside = pa.RecordBatch.from_pylist(
        [{"file": "a.json", "reason": "image_missing"}],
        schema=pa.schema([QUARANTINE.schema.field("file"), QUARANTINE.schema.field("reason")]),
    )
    facts = ingest_facts(drop, counts, [kept], [aside])
    assert [tuple(row.values()) for row in facts["files"].to_pylist()] == [
        ("a.json", 5, 3, 1, 1, 2, 1),
        ("b.json", 0, 0, 0, 0, 1, 0),
    ]
    assert facts["drop"]["quarantine_share"].to_pylist() == [0.2]
    assert facts["drop"]["top_reasons"].to_pylist() == ["image_missing 1"]


def version_rows(**changed: list[dict]) -> dict[str, list[pa.RecordBatch]]:
    ids = [{"delivery": "d", "example_id": str(n)} for n in range(4)]
    reasons = [{"rule": "flip", "audit": "contradictions"}, {"rule": "flip", "audit": "contradictions"}]
    verdicts = [("keep", []), ("downweight", []), ("hold", reasons[:1]), ("drop", reasons)]
    rows = {
        "examples": ids,
        "verdicts": [
            {**i, "action": a, "dataset": "s", "kind": "sft", "reasons": r}
            for i, (a, r) in zip(ids, verdicts, strict=True)
        ],
        "curated": [{**ids[0], "weight": 1.0}, {**ids[1], "weight": 0.5}],
        "curriculum": [{**ids[1], "stage": 0, "position": 0}, {**ids[0], "stage": 1, "position": 1}],
    } | changed
    specs = {"examples": EXAMPLES, "verdicts": VERDICTS, "curated": CURATED, "curriculum": CURRICULUM}
    return {
        name: [pa.RecordBatch.from_pylist([row], schema=specs[name].schema) for row in rows[name]] for name in specs
    }


def test_a_whole_version_has_nothing_amiss():
    facts = facts_of_rows(**version_rows())
    row = facts["version"].to_pylist()[0]
    assert [row[n] for n in ("examples", "kept", "downweighted", "held", "dropped", "curated")] == [4, 1, 1, 1, 1, 2]
    assert (row["removed_share"], row["weight_min"], row["weight_max"]) == (0.5, 0.5, 1.0)
    assert row["top_rules"] == "flip 2"
    amiss = ["lost", "duplicate_verdicts", "unjudged_examples", "unknown_verdicts", "duplicate_members", "bad_weights"]
    amiss += ["missing_members", "unexpected_members", "missing_in_curriculum", "unknown_in_curriculum"]
    amiss += ["repeated_in_stage", "repeated_in_curriculum", "wrong_positions"]
    assert {name: row[name] for name in amiss} == dict.fromkeys(amiss, 0)
    removed = {"examples": 4, "removed": 2, "removed_share": 0.5}
    assert facts["datasets"].to_pylist() == [{"dataset": "s", **removed}]
    assert facts["drops"].to_pylist() == [{"delivery": "d", **removed}]


def test_a_canary_that_leaks_into_a_version_is_amiss():
    """Canaries are no examples, so that a verdict on one, or a member that is one, is unknown."""
    rows = version_rows()
    canary = {"delivery": "d", "example_id": f"{MARK}wrong_image-0"}
    kept = {**canary, "action": "keep", "dataset": "s", "kind": "sft", "reasons": []}
    for table, spec, row in (("verdicts", VERDICTS, kept), ("curated", CURATED, {**canary, "weight": 1.0})):
        rows[table].append(pa.RecordBatch.from_pylist([row], schema=spec.schema))
    (facts,) = facts_of_rows(**rows)["version"].to_pylist()
    assert (facts["unknown_verdicts"], facts["missing_in_curriculum"]) == (1, 1)
    rows["verdicts"].pop()
    (facts,) = facts_of_rows(**rows)["version"].to_pylist()
    assert (facts["unknown_verdicts"], facts["unexpected_members"]) == (0, 1)


def test_queries_judged_both_ways_are_counted_once():
    rows = [("j0", "q0"), ("j1", "q0"), ("j2", "q0"), ("j3", "q1"), ("j4", "q2")]
    names = ("delivery", "judgement_id", "image_key", "query_key")
    judged = [pa.RecordBatch.from_pylist([dict(zip(names, ("d", j, "i", q), strict=True))]) for j, q in rows]
    flags = {"is_good_and_bad": None, "is_flip": True, "in_cycle": False}
    against = [{"delivery": "d", "judgement_id": j, **flags, "side": "upheld"} for j in ("j0", "j1")]
    against.append({"delivery": "d", "judgement_id": "j3"} | dict.fromkeys(flags, False))
    against.append({"delivery": "d", "judgement_id": "j4", "in_cycle": True})
    schema = pa.schema([(n, pa.string()) for n in (*names[:2], "side")] + [(n, pa.bool_()) for n in flags])
    queries = judged_queries(judged, [pa.RecordBatch.from_pylist(against, schema=schema)])
    ranges = [query_counts(*own) for own in zip(queries.parts(3), queries.parts(3), strict=True)]
    facts = contradiction_facts(ranges)
    row = {"judged_queries": 3, "contradicted_queries": 2, "contradicted_share": 2 / 3}
    assert facts["judgements"].to_pylist() == [row | {"unresolved_queries": 1, "unresolved_share": 1 / 3}]
    assert contradiction_facts([])["judgements"]["contradicted_share"].to_pylist() == [0.0]


def test_an_empty_version_has_facts():
    row = facts_of_rows(**version_rows(examples=[], verdicts=[], curated=[], curriculum=[]))["version"].to_pylist()[0]
    assert (row["examples"], row["removed_share"], row["weight_min"]) == (0, 0.0, None)


def test_replayed_examples_are_told_from_doubled_ones():
    at = {"delivery": "d"}
    order = [(0, "0"), (1, "1"), (1, "0"), (1, "0")]
    rows = [{**at, "example_id": i, "stage": s, "position": n} for n, (s, i) in enumerate(order)]
    row = facts_of_rows(**version_rows(curriculum=rows))["version"].to_pylist()[0]
    assert (row["repeated_in_stage"], row["repeated_in_curriculum"], row["wrong_positions"]) == (1, 2, 0)


@given(st.lists(st.text(max_size=20), unique=True, max_size=50))
def test_different_texts_have_different_hashes(texts: list[str]):
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["example_id"])
    assert len(np.unique(key_hashes(batch, ["example_id"]))) == len(texts)
    assert np.array_equal(key_hashes(batch.slice(1), ["example_id"]), key_hashes(batch, ["example_id"])[1:])
