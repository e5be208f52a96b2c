"""Difficulty: counts of an example, and ranks that do not depend on units or on the order of rows."""

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.difficulty import AUDIT
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.tasks import InProcess
from ops.core.vectors import Vectors
from ops.decision.difficulty import Component, Weights, graded, per_example
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable


def test_counts_of_an_example():
    turns = [
        ("user", "How many cats are left of the tree?"),
        ("assistant", "Two, because one is behind it."),
        ("user", "Sure?"),
        ("assistant", "Yes"),
        ("rejected", "No, because one of them is behind the other one, therefore one."),
    ]
    messages = [{"role": r, "parts": [{"type": "text", "text": t, "image_id": None}]} for r, t in turns]
    row = {"delivery": "d", "example_id": "a", "messages": messages, "image_ids": ["i", "j"]}
    none = Vectors.of([], np.zeros((0, 0)))
    size = {"width_px": 1000, "height_px": 500}
    known = [
        {"image_id": "j", **size, "edge_share": 0.25, "entropy_bits": 7.0, "text_share": 0.5},
        {"image_id": "i", **size, "edge_share": 0.75, "entropy_bits": 2.0, "text_share": None},
    ]
    pictures = PictureTable.of(pa.Table.from_pylist(known, schema=IMAGES.schema))
    rows = [row, row | {"example_id": "b", "image_ids": ["i", "gone"]}, row | {"example_id": "c", "image_ids": []}]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    inputs = RowInputs(examples, none, none, none, none, pictures=pictures)
    measured, unknown, text = AUDIT.measure(inputs, None).to_pylist()
    assert [unknown[name] for name in ("megapixels", "edge_share", "entropy_bits")] == [None] * 3
    assert text["megapixels"] is None
    assert {k: v for k, v in measured.items() if k not in ("delivery", "example_id")} == {
        "turns": 2,
        "answer_words": 7,
        "images": 2,
        "relation_words": 2,
        "reasoning_words": 2,
        "megapixels": 1.0,
        "edge_share": 0.5,
        "entropy_bits": 4.5,
        "text_share": None,
        "grounded_phrases": None,
    }


def grades(columns: dict[str, list[float]], weights: dict[str, float]) -> list[float]:
    kinds = pa.repeat("sft", len(next(iter(columns.values()))))
    rows = pa.table({"kind": kinds, **{name: pa.array(values, pa.float64()) for name, values in columns.items()}})
    return np.concatenate(graded(InProcess(), [rows], Weights(weights, {}))).tolist()


def test_ranks():
    assert grades({"a": [30.0, 10.0, 20.0]}, {"a": 1.0}) == [1.0, 0.0, 0.5]
    assert grades({"a": [5.0, 5.0, 9.0, np.nan]}, {"a": 1.0})[:3] == [0.25, 0.25, 1.0]
    assert grades({"a": [7.0]}, {"a": 1.0}) == [0.5]


def test_difficulty_weighs_known_ranks():
    ids = pa.array(["a", "b", "c"])
    words = per_example(ids, Component(pa.array(["c", "a", "b", "a"]), np.array([9.0, 1.0, 4.0, 3.0]))).tolist()
    margin = per_example(ids, Component(pa.array(["a", "b", "x"]), np.array([0.1, 0.9, 5.0]))).tolist()
    graded = grades({"words": words, "margin": margin}, {"words": 1.0, "margin": -1.0})
    assert graded == pytest.approx([(0 + 1) / 2, (0.5 + 0) / 2, 1.0])
    assert np.isnan(grades({"words": [np.nan]}, {"words": 1.0})).all()


def test_a_figure_that_was_not_looked_at_leaves_the_others_to_decide():
    """Images stored before a figure was measured: what is known ranks the example."""
    graded = grades({"edges": [9.0, 1.0, 5.0], "text": [np.nan, 0.2, 0.1]}, {"edges": 1.0, "text": 1.0})
    assert graded == pytest.approx([1.0, 0.5, 0.25])
