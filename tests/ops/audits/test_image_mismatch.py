"""How likely an image is wrong, on texts whose cosine with their image is set by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.image_mismatch import AUDIT, MismatchSettings
from ops.core.accuracy import auroc
from ops.evidence.inputs import RowInputs
from ops.grounding import ranked_examples
from tests.support.set_cosines import inputs_of

ROWS, WRONG = 300, 24


def delivery(*, wrong: int = WRONG, datasets: str | list[str] = "one") -> RowInputs:
    """The texts of the first `wrong` examples have nothing to do with their image."""
    drawn = np.random.default_rng(0)
    cosines = np.clip(np.r_[drawn.normal(0, 0.12, wrong), drawn.normal(0.35, 0.08, ROWS - wrong)], -1, 1)
    questions = [f"What is thing {n}?" for n in range(ROWS)]
    return inputs_of(questions, [f"a cup of kind {n}" for n in range(ROWS)], cosines, datasets=datasets)


def measured(inputs: RowInputs, settings: MismatchSettings = AUDIT.settings) -> pa.Table:
    return AUDIT.measure(inputs, settings).sort_by("example_id")


def test_wrong_images_are_likely_and_fitting_ones_are_not() -> None:
    rows = measured(delivery()).to_pandas()
    wrong = rows["example_id"].astype(int) < WRONG
    flagged = rows["probability"] >= 0.5
    assert flagged[wrong].mean() >= 0.7
    assert wrong[flagged].mean() >= 0.7
    assert (rows["wrong_share_low"] <= WRONG / ROWS).all()
    assert (rows["wrong_share_high"] >= WRONG / ROWS).all()
    assert not (measured(delivery(wrong=0))["probability"].to_numpy() >= 0.5).any()


def test_the_order_of_rows_and_the_names_of_examples_decide_nothing() -> None:
    inputs = delivery()
    order = np.random.default_rng(1).permutation(ROWS)
    turned = measured(replace(inputs, examples=inputs.examples.take(order)))
    np.testing.assert_allclose(turned["probability"].to_numpy(), measured(inputs)["probability"].to_numpy(), atol=1e-5)


def test_a_small_dataset_is_compared_with_the_whole_delivery() -> None:
    rows = measured(delivery(datasets=["small" if n % 10 == 0 else "large" for n in range(ROWS)])).to_pylist()
    groups = {(int(row["example_id"]) % 10 == 0, row["group"], row["group_examples"]) for row in rows}
    assert groups == {(True, "delivery", ROWS), (False, "large", ROWS * 9 // 10)}


def test_closed_answers_are_not_held_against_descriptions() -> None:
    """None is wrong, and the encoder understands hardly one of the closed answers."""
    drawn = np.random.default_rng(0)
    cosines = np.clip(np.r_[drawn.normal(0.06, 0.12, ROWS), drawn.normal(0.35, 0.08, ROWS)], -1, 1)
    questions = [f"Is there a cup of kind {n}?" for n in range(ROWS)] + [f"What is it, {n}?" for n in range(ROWS)]
    answers = ["yes"] * ROWS + [f"a plate of kind {n}" for n in range(ROWS)]
    rows = measured(inputs_of(questions, answers, cosines)).to_pandas()
    closed = rows["example_id"].astype(int) < ROWS
    assert set(rows["group"][closed]) == {"one, closed answers"}
    assert set(rows["group"][~closed]) == {"one"}
    assert set(rows["why"][closed]) == {"in this group an image that fits is not surely among the best for its texts"}
    assert not (rows["probability"] >= 0.5).any()
    assert not rows["abstained"][~closed].any()


def test_of_large_groups_a_sample_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order and cut of the batches, and what is told of wrong images is as good."""
    inputs, fit = delivery(), AUDIT.fit
    assert fit is not None
    everything = measured(inputs).to_pandas()
    monkeypatch.setattr(ranked_examples, "MOST_SAMPLED", 120)
    whole = measured(inputs)
    batches = [replace(inputs, examples=inputs.examples.slice(start, 70)) for start in range(0, ROWS, 70)]
    sketches = [fit.sketch(batch, AUDIT.settings) for batch in reversed(batches)]
    merged = fit.merge([fit.merge(sketches[:2], AUDIT.settings), *sketches[2:]], AUDIT.settings)
    assert merged.rows.num_rows == 120
    model = fit.model(merged, AUDIT.settings)
    apart = pa.concat_tables([measured(replace(batch, fitted=model)) for batch in batches]).sort_by("example_id")
    np.testing.assert_allclose(apart["probability"].to_numpy(), whole["probability"].to_numpy(), atol=1e-5)
    assert set(whole["group_examples"].to_pylist()) == {ROWS}
    rows = whole.to_pandas()
    wrong = rows["example_id"].astype(int) < WRONG
    assert (rows["probability"] - everything["probability"]).abs().max() > 0.01
    assert auroc(rows["probability"][wrong].to_numpy(), rows["probability"][~wrong].to_numpy()) > 0.97
    assert wrong[rows["probability"] >= 0.5].mean() >= 0.7


def test_few_examples_abstain() -> None:
    inputs = delivery()
    rows = measured(replace(inputs, examples=inputs.examples.slice(0, 99)))
    assert rows["probability"].null_count == 99
    assert set(rows["why"].to_pylist()) == {"fewer than 100 examples, or too few images, to compare with"}


def test_a_group_that_seems_wrong_throughout_abstains() -> None:
    rows = measured(delivery(), MismatchSettings(most_wrong=0.01))
    assert rows["probability"].null_count == ROWS
    assert set(rows["why"].to_pylist()) == {"more than 1% of the group seem to have a wrong image"}
    assert rows["wrong_share"].to_numpy().min() > 0.01


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"folds": 1}, "folds"), ({"fewest_examples": 39}, "fewest_examples"), ({"unseen": 1.0}, "unseen")],
)
def test_settings_that_cannot_work_say_so(wrong: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        MismatchSettings(**wrong)
