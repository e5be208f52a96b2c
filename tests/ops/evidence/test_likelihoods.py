"""Which pictures take each other's place, and likelihoods found by their questions."""

import numpy as np

from ops.audits.visual_necessity import AUDIT
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import LikelihoodTable, Question, trios
from ops.text.image_turns import image_turns
from tests.support.samples import sample_examples, sample_inputs


def test_each_turn_is_asked_with_its_pictures_with_none_and_with_others():
    turns = image_turns(sample_examples())
    asked = trios(turns)
    assert any(trio is None for trio in asked)
    for turn, trio in zip(turns, asked, strict=True):
        if trio is None:
            continue
        assert trio.real.image_ids == turn.image_ids
        assert trio.missing.image_ids == ()
        assert trio.swapped is None or set(trio.swapped.image_ids).isdisjoint(turn.image_ids)
        assert len({q.key for q in (trio.real, trio.missing, trio.swapped) if q}) == 2 + (trio.swapped is not None)


def test_order_of_turns_does_not_matter():
    turns = image_turns(sample_examples())
    assert trios(turns[::-1]) == trios(turns)[::-1]


def test_likelihoods_are_a_token_and_unknown_where_not_asked():
    with_image, without = Question("what?", "red", ("a",)), Question("what?", "red", ())
    table = LikelihoodTable.of([without.key, with_image.key], [-3.0, -8.0], [3, 2])
    np.testing.assert_array_equal(
        table.a_token([with_image, None, without, Question("what?", "blue", ())]), [-4, np.nan, -1, np.nan]
    )


def asked_inputs() -> RowInputs:
    """The samples, with a made-up likelihood for each question."""
    inputs = sample_inputs(sample_examples())
    asked = [trio for trio in trios(image_turns(inputs.examples)) if trio]
    every = {q.key: q for trio in asked for q in (trio.real, trio.missing, trio.swapped) if q}
    nats = [-1.0 if q.image_ids else -4.0 for q in every.values()]
    table = LikelihoodTable.of(list(every), nats, [2] * len(every))
    return RowInputs(
        inputs.examples, inputs.images, inputs.texts, inputs.bank_images, inputs.bank_texts, likelihoods=table
    )


def test_audit_says_what_the_pictures_add_by_the_model():
    rows = AUDIT.measure(asked_inputs(), AUDIT.settings).to_pylist()
    answered = [row for row in rows if row["vlm_with_image"] is not None]
    assert answered
    assert {row["vlm_gain"] for row in answered} == {1.5}
    assert {row["vlm_without_image"] for row in answered} == {-2.0}
    assert {row["vlm_swap_loss"] for row in answered} == {0.0}


def test_without_a_model_nothing_is_said():
    rows = AUDIT.measure(sample_inputs(sample_examples()), AUDIT.settings)
    asked = [name for name in AUDIT.schema.names if name.startswith("vlm_")]
    assert asked
    assert rows.num_rows
    assert {name: rows[name].null_count for name in asked} == dict.fromkeys(asked, rows.num_rows)
