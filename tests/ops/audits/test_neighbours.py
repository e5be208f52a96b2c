"""Neighbours of texts and images, in a delivery of a few things that are shown and spoken of again and again."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.neighbours import AUDIT, NeighbourSettings
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.text.image_turns import statement_texts

ROWS, THINGS, WRONG, DIM = 120, 6, 9, 32


def unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def inputs() -> RowInputs:
    """Example n is about thing n % THINGS, its image shows it, and the first WRONG ones show the next thing. Vectors of
    images and of texts have nothing in common: only neighbours can tell."""
    drawn = np.random.default_rng(0)
    of_images, of_texts = (unit(drawn.normal(size=(THINGS, DIM))) for _ in range(2))
    thing = np.arange(ROWS) % THINGS
    pictured = (thing + (np.arange(ROWS) < WRONG)) % THINGS
    ids = [image_id(f"{n}".encode()) for n in range(ROWS)]
    rows = []
    for n in range(ROWS):
        picture = {"type": "image", "text": None, "image_id": ids[n]}
        part = {"type": "text", "text": f"There is a cup of kind {n} on the table.", "image_id": None}
        messages = [{"role": "user", "parts": [picture]}, {"role": "assistant", "parts": [part]}]
        rows.append({"delivery": "d", "example_id": f"{n:04}", "messages": messages, "image_ids": [ids[n]]})
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    images = Vectors.of(ids, unit(of_images[pictured] + 0.05 * drawn.normal(size=(ROWS, DIM))))
    texts = unit(of_texts[thing] + 0.05 * drawn.normal(size=(ROWS, DIM)))
    vectors = Vectors.of([text_id(text) for text in statement_texts(examples)], texts)
    return RowInputs(examples, images, vectors, images, vectors)


def test_pairs_that_belong_together_have_neighbours_that_agree(inputs: RowInputs) -> None:
    rows = AUDIT.measure(inputs, AUDIT.settings).sort_by("example_id").to_pandas()
    for name in ("text_z", "image_z", "neighbour_z"):
        assert rows[name][:WRONG].max() < 0.6 < 0.9 < rows[name][WRONG:].min()
    assert set(rows["pool"]) == {ROWS}
    assert set(rows["same_image"]) == {0}


def test_another_text_about_the_same_image_is_counted(inputs: RowInputs) -> None:
    shared = inputs.examples.to_pylist()
    for row in shared[20:22]:
        row["image_ids"] = shared[20]["image_ids"]
        row["messages"][0]["parts"][0]["image_id"] = shared[20]["image_ids"][0]
    twins = replace(inputs, examples=pa.Table.from_pylist(shared, schema=EXAMPLES.schema))
    rows = AUDIT.measure(twins, AUDIT.settings).sort_by("example_id")
    assert [at for at, same in enumerate(rows["same_image"].to_pylist()) if same] == [20, 21]


def test_a_small_pool_is_the_same_whatever_the_order(inputs: RowInputs) -> None:
    settings = NeighbourSettings(most_pool=40)
    whole = AUDIT.measure(inputs, settings)
    turned = inputs.examples.take(np.random.default_rng(1).permutation(ROWS))
    again = AUDIT.measure(replace(inputs, examples=turned), settings)
    assert set(whole["pool"].to_pylist()) == {40}
    np.testing.assert_allclose(whole["neighbour_z"].to_numpy(), again["neighbour_z"].to_numpy(), atol=1e-5)
    wrong = whole.sort_by("example_id")["neighbour_z"].to_numpy()
    assert wrong[:WRONG].max() < wrong[WRONG:].min()


def test_few_examples_abstain(inputs: RowInputs) -> None:
    few = replace(inputs, examples=inputs.examples.slice(0, 20))
    rows = AUDIT.measure(few, AUDIT.settings)
    assert set(rows["why"].to_pylist()) == {"not more than 20 examples to compare with"}
    assert not any(AUDIT.measure(few, NeighbourSettings(fewest_examples=19))["abstained"].to_pylist())


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="fewest_examples"):
        NeighbourSettings(fewest_examples=30, most_pool=20)
