"""Every row- and drop-scope audit keeps the promises of ops/audits/contract.py."""

import pickle
import random
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ops.audits.contract import KEYS, Audit, Fit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.evidence.inputs import RowInputs
from tests.support.examples import examples
from tests.support.hostile import BARE, Hostile, bare_inputs, bold, hostile, outside
from tests.support.samples import sample_examples, sample_inputs, speaking

ROW_AUDITS = [pytest.param(audit, id=audit.name) for audit in audits_of(Scope.ROW, Scope.DROP)]
_SPEAKS_WITHOUT = {"benchmark_leaks", "boxes"}  # bytes, hashes and words find leaks too; boxes have their pixels
VECTOR_AUDITS = [
    pytest.param(a, id=a.name)
    for a in audits_of(Scope.ROW, Scope.DROP)
    if a.uses_vectors and a.name not in _SPEAKS_WITHOUT
]
ROW_ONLY = [pytest.param(audit, id=audit.name) for audit in audits_of(Scope.ROW)]
INPUTS = sample_inputs(sample_examples())


def measured(audit: Audit, examples: pa.Table) -> pa.Table:
    """The audit's measures in order of their keys."""
    rows = audit.measure(replace(INPUTS, examples=examples), speaking(audit))
    return rows.sort_by([(key, "ascending") for key in KEYS[audit.grain].names])


@pytest.mark.parametrize("audit", [pytest.param(a, id=a.name) for a in audits_of(Scope.DROP) if a.by_file])
def test_source_files_apart_are_measured_as_together(audit: Audit) -> None:
    """Two files, each with all samples, the second's in reverse."""
    examples = INPUTS.examples
    at = examples.schema.get_field_index("provenance")
    files: list[pa.Table] = []
    for file, rows in (("a", range(examples.num_rows)), ("b", reversed(range(examples.num_rows)))):
        places = pa.array([{"file": file, "row": row} for row in rows], examples.schema.field(at).type)
        ids = pa.array([f"{file}-{name}" for name in examples["example_id"].to_pylist()])
        files.append(examples.set_column(at, "provenance", places).set_column(2, "example_id", ids))
    together = measured(audit, pa.concat_tables(files))
    inputs = replace(INPUTS, source_file_count=2)
    apart = [audit.measure(replace(inputs, examples=rows), speaking(audit)) for rows in files]
    keys = [(key, "ascending") for key in KEYS[audit.grain].names]
    assert_same(pa.concat_tables(apart).sort_by(keys), together)


@pytest.mark.parametrize("audit", [pytest.param(a, id=a.name) for a in audits_of(Scope.DROP) if a.fit])
@given(delivery=hostile, size=st.sampled_from([1, 7, 20, 50]))
@settings(max_examples=examples(25), deadline=None)
@example(delivery=None, size=1)
@example(delivery=None, size=20)
def test_batches_with_what_was_fitted_are_measured_as_together(
    audit: Audit, delivery: Hostile | None, size: int
) -> None:
    """Whatever their size; without a delivery, of the samples."""
    assert audit.fit is not None
    fit, chosen = audit.fit, speaking(audit) if delivery is None else bold(audit)
    whole = INPUTS if delivery is None else delivery.inputs()
    starts = range(0, whole.examples.num_rows + 1, size)
    batches = [replace(whole, examples=whole.examples.slice(start, size)) for start in starts]
    if fit.after is None:
        fitted = model_of(fit, batches, chosen)
    else:
        before = model_of(fit.after, batches, chosen)
        fitted = before, model_of(fit, [replace(batch, fitted=before) for batch in batches], chosen)
    apart = [audit.measure(replace(batch, fitted=fitted), chosen) for batch in batches]
    keys = [(key, "ascending") for key in KEYS[audit.grain].names]
    assert_same(pa.concat_tables(apart).sort_by(keys), audit.measure(whole, chosen).sort_by(keys))


def model_of(fit: Fit, batches: Sequence[RowInputs], chosen: object) -> Any:
    """What is fitted to the batches in reverse, of which two were merged before; as workers get it."""
    sketches = [fit.sketch(batch, chosen) for batch in reversed(batches)]
    merged = fit.merge([fit.merge(sketches[:2], chosen), *sketches[2:]], chosen)
    return pickle.loads(pickle.dumps(fit.model(merged, chosen)))  # noqa: S301 - made here


def interleaved(examples: pa.Table, draw: random.Random) -> tuple[pa.Table, pa.Table]:
    """The examples with the pictures of each question before its text, and between pieces of it."""
    rows: list[list[dict[str, Any]]] = [[], []]
    for row in examples.to_pylist():
        for place, mixed in enumerate((False, True)):
            messages = [{**m, "parts": _parts(m["parts"], draw, mixed=mixed)} for m in row["messages"]]
            rows[place].append(row | {"messages": messages})
    before, between = (pa.Table.from_pylist(held, schema=examples.schema) for held in rows)
    return before, between


def _parts(parts: list[dict[str, Any]], draw: random.Random, *, mixed: bool) -> list[dict[str, Any]]:
    text = "".join(part["text"] or "" for part in parts)
    pictures = [part for part in parts if part["type"] == "image"]
    if not mixed:
        return [*pictures, {"type": "text", "text": text, "image_id": None}]
    borders = [0, *(place + 1 for place, letter in enumerate(text) if letter == " "), len(text)]
    cuts = sorted(draw.choices(borders, k=len(pictures) + 2))
    pieces = [text[start:stop] for start, stop in pairwise([0, *cuts, len(text)])]
    texts = [{"type": "text", "text": piece, "image_id": None} for piece in pieces]
    # The pictures in their order, each behind a piece of text.
    return [part for place, piece in enumerate(texts) for part in (piece, *pictures[place : place + 1])]


# The forecast of a trainer counts the line breaks that set a placeholder off.
@pytest.mark.parametrize("audit", [param for param in ROW_AUDITS if param.id != "preflight"])
@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=examples(8), deadline=None)
def test_an_audit_reads_texts_in_their_order_wherever_pictures_stand(audit: Audit, seed: int) -> None:
    before, between = interleaved(INPUTS.examples, random.Random(seed))  # noqa: S311
    # A picture between the words of a phrase that is counted ("how many") breaks it.
    counted = [name for name in audit.schema.names if name in ("relation_words", "reasoning_words")]
    rows = [measured(audit, rows).drop_columns(counted) for rows in (between, before)]
    assert_same(*rows)


def assert_same(left: pa.Table, right: pa.Table) -> None:
    """Equal but for the last bits of floating-point sums."""
    assert left.schema == right.schema
    for name in left.schema.names:
        if pa.types.is_floating(left.schema.field(name).type):
            np.testing.assert_allclose(left[name].to_pandas(), right[name].to_pandas(), atol=1e-5, err_msg=name)
        else:
            assert left[name].to_pylist() == right[name].to_pylist(), name


@pytest.mark.parametrize("name", list(all_audits()))
def test_file_is_named_after_its_audit_and_says_what_it_measures(name: str) -> None:
    audit = all_audits()[name]
    assert import_module(f"ops.audits.{name}").AUDIT is audit
    first, blank, *rest = audit.page.splitlines()
    assert first[-1] in ".?"
    assert blank == ""
    assert any(f"`{column}`" in line for column in audit.columns.names for line in rest)
    assert audit.title


@pytest.mark.parametrize("audit", ROW_AUDITS)
def test_schema_and_keys_are_as_promised(audit: Audit) -> None:
    rows = measured(audit, INPUTS.examples)
    assert rows.schema == audit.schema
    keys = [tuple(row.values()) for row in rows.select(KEYS[audit.grain].names).to_pylist()]
    assert keys, "the samples hold something that every audit measures"
    assert len(set(keys)) == len(keys)
    assert all(value is not None for key in keys for value in key)
    known = set(INPUTS.examples["example_id"].to_pylist())
    assert set(rows["example_id"].to_pylist()) <= known


@pytest.mark.parametrize("audit", ROW_AUDITS)
def test_empty_input_gives_no_rows(audit: Audit) -> None:
    rows = measured(audit, INPUTS.examples.slice(0, 0))
    assert rows.schema == audit.schema
    assert rows.num_rows == 0


@pytest.mark.parametrize("audit", ROW_AUDITS)
def test_same_input_gives_same_rows(audit: Audit) -> None:
    assert measured(audit, INPUTS.examples).equals(measured(audit, INPUTS.examples))


@pytest.mark.parametrize("audit", ROW_AUDITS)
def test_order_of_rows_does_not_matter(audit: Audit) -> None:
    order = np.random.default_rng(3).permutation(INPUTS.examples.num_rows)
    assert_same(measured(audit, INPUTS.examples), measured(audit, INPUTS.examples.take(order)))


@pytest.mark.parametrize("audit", ROW_ONLY)
def test_each_row_is_measured_by_itself(audit: Audit) -> None:
    apart = [measured(audit, INPUTS.examples.slice(n, 1)) for n in range(INPUTS.examples.num_rows)]
    together = pa.concat_tables(apart).sort_by([(key, "ascending") for key in KEYS[audit.grain].names])
    assert_same(measured(audit, INPUTS.examples), together)


@pytest.mark.parametrize("delivery", BARE)
@pytest.mark.parametrize("audit", ROW_AUDITS)
def test_bare_deliveries_are_measured(audit: Audit, delivery: str) -> None:
    inputs = bare_inputs(delivery)
    rows = audit.measure(inputs, speaking(audit))
    assert rows.schema == audit.schema
    assert list(outside(audit, rows)) == []
    assert set(rows["example_id"].to_pylist()) <= set(inputs.examples["example_id"].to_pylist())


@pytest.mark.parametrize("audit", VECTOR_AUDITS)
def test_without_any_vector_nothing_is_claimed(audit: Audit) -> None:
    nothing = INPUTS.images.matrix[:0]
    empty = type(INPUTS.images)(INPUTS.images.ids[:0], nothing)
    inputs = replace(INPUTS, images=empty, texts=empty, bank_images=empty, bank_texts=empty)
    rows = audit.measure(inputs, audit.settings).sort_by([(key, "ascending") for key in KEYS[audit.grain].names])
    assert rows.schema == audit.schema
    assert rows.num_rows
    if "abstained" in rows.schema.names:
        assert all(rows["abstained"].to_pylist())
        return
    seeing = measured(audit, INPUTS.examples)
    pairs = {name: list(zip(rows[name], seeing[name], strict=True)) for name in audit.columns.names}
    assert [name for name, both in pairs.items() if any(blind.is_valid and blind != seen for blind, seen in both)] == []
    assert any(seen.is_valid and not blind.is_valid for both in pairs.values() for blind, seen in both)
