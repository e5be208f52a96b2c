"""Grounding on vectors whose truth is known: a text lies near its image's vector, or has nothing to do with it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ops.audits import conversation_grounding, grounding
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import ranks, scored_texts
from ops.text.image_turns import statement_texts

DIM, ROWS, TURNS = 32, 300, 3


def unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def conversations(images_of: list[list[int]]) -> pa.Table:
    """One example a list of images: `TURNS` statements, each its own text."""
    rows = []
    for n, images in enumerate(images_of):
        ids = [image_id(f"{i}".encode()) for i in images]
        messages = []
        for turn in range(TURNS):
            pictures = [{"type": "image", "text": None, "image_id": i} for i in ids] if turn == 0 else []
            asked = [*pictures, {"type": "text", "text": "Describe it.", "image_id": None}]
            texts = [{"type": "text", "text": f"This is thing {n} seen from side {turn}.", "image_id": None}]
            messages += [{"role": "user", "parts": asked}, {"role": "assistant", "parts": texts}]
        rows.append({"delivery": "d", "example_id": f"{n:04}", "messages": messages, "image_ids": ids})
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


@pytest.fixture(scope="module")
def inputs() -> RowInputs:
    """Example n shows image n; its texts lie near image n's vector for even n and anywhere for odd n."""
    drawn = np.random.default_rng(0)
    examples = conversations([[n] for n in range(ROWS)])
    images = unit(drawn.normal(size=(ROWS, DIM)))
    near = np.repeat(images, TURNS, axis=0)
    far = unit(drawn.normal(size=near.shape))
    even = (np.repeat(np.arange(ROWS), TURNS) % 2 == 0)[:, None]
    texts = unit(np.where(even, near, far) + 0.15 * drawn.normal(size=near.shape))
    image_vectors = Vectors.of([image_id(f"{n}".encode()) for n in range(ROWS)], images)
    text_vectors = Vectors.of([text_id(text) for text in statement_texts(examples)], texts)
    return RowInputs(
        examples, image_vectors, text_vectors, choose_bank(image_vectors, 128), choose_bank(text_vectors, 128)
    )


def test_grounded_turns_rank_first_and_others_anywhere(inputs: RowInputs) -> None:
    rows = grounding.measure(inputs, grounding.AUDIT.settings).to_pandas()
    grounded = rows["example_id"].astype(int) % 2 == 0
    assert (rows[grounded]["p_value"] < 0.05).mean() > 0.95
    # Where the image does not matter the p-value is uniform: its mean is one half, and 5 % lie below 0.05.
    assert rows[~grounded]["p_value"].mean() == pytest.approx(0.5, abs=0.06)
    assert (rows[~grounded]["p_value"] <= 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert rows[grounded]["margin"].mean() > rows[~grounded]["margin"].mean() + 0.3


def test_pooling_turns_tells_wrong_images_better(inputs: RowInputs) -> None:
    single = grounding.measure(inputs, grounding.AUDIT.settings).to_pandas()
    pooled = conversation_grounding.measure(inputs, conversation_grounding.AUDIT.settings).to_pandas()
    assert len(pooled) == ROWS
    assert (pooled["turns"] == TURNS).all()
    even = pooled["example_id"].astype(int) % 2 == 0
    assert (pooled[even]["p_value"] <= single.groupby("example_id")["p_value"].max()[even.to_numpy()].to_numpy()).all()
    assert pooled[even]["pooled_z"].min() > pooled[~even]["pooled_z"].max()


def test_own_image_is_never_compared_with_itself(inputs: RowInputs) -> None:
    rows = grounding.measure(inputs, grounding.AUDIT.settings).to_pandas()
    bank = {i.decode() for i in inputs.bank_images.ids.tolist()}
    own_in_bank = [image_id(str(int(n)).encode()) in bank for n in rows["example_id"]]
    assert (rows["compared"] == np.where(own_in_bank, 127, 128)).all()


def test_a_margin_does_not_depend_on_whether_the_own_image_is_in_the_bank(inputs: RowInputs) -> None:
    rows = grounding.measure(inputs, grounding.AUDIT.settings).to_pandas()
    bank = {i.decode() for i in inputs.bank_images.ids.tolist()}
    inside = np.array([image_id(str(int(n)).encode()) in bank for n in rows["example_id"]])
    grounded = rows["example_id"].astype(int) % 2 == 0
    margins = [rows[grounded & here]["margin"].mean() for here in (inside, ~inside)]
    assert margins[0] == pytest.approx(margins[1], abs=0.03)


def test_several_images_are_compared_with_the_best_of_as_many() -> None:
    drawn = np.random.default_rng(1)
    own = drawn.normal(size=(4000, 3)).max(axis=1)
    bank = drawn.normal(size=(4000, 99))
    rank, compared = ranks(own, bank, np.full(4000, 3))
    assert (compared == 33).all()
    assert (rank / 34).mean() == pytest.approx(0.5, abs=0.03)


def test_equal_scores_count_as_at_least_as_good() -> None:
    rank, compared = ranks(np.zeros(1), np.zeros((1, 9)), np.ones(1, dtype=int))
    assert (rank[0], compared[0]) == (10, 9)


def test_a_small_bank_and_idle_talk_abstain(inputs: RowInputs) -> None:
    few = RowInputs(
        inputs.examples, inputs.images, inputs.texts, choose_bank(inputs.images, 5), choose_bank(inputs.texts, 5)
    )
    rows = grounding.measure(few, grounding.AUDIT.settings)
    assert all(rows["abstained"].to_pylist())
    assert "to compare with" in rows["why"][0].as_py()
    assert rows["p_value"].null_count == rows.num_rows

    talk = conversations([[0]]).to_pylist()
    for message in talk[0]["messages"][1::2]:
        message["parts"][0]["text"] = "Thank you!"
    examples = pa.Table.from_pylist(talk, schema=EXAMPLES.schema)
    idle = RowInputs(examples, inputs.images, inputs.texts, inputs.bank_images, inputs.bank_texts)
    assert all(grounding.measure(idle, grounding.AUDIT.settings)["abstained"].to_pylist())
    pooled = conversation_grounding.measure(idle, conversation_grounding.AUDIT.settings)
    assert pooled["why"].to_pylist() == ["no turn speaks of what an image could show"]


SENTENCES = ("A brown dog runs on the beach.", "Two boats lie near the pier.", "A red kite flies over the sea.")


@pytest.fixture(scope="module")
def described() -> RowInputs:
    """Two examples with the same long answer: everything it says lies near image 0, but for its last sentence in the
    second example, which lies near image 1 alone."""
    drawn = np.random.default_rng(5)
    texts = [" ".join(SENTENCES), " ".join([*SENTENCES[:2], "A grey cat sleeps on the sofa."])]
    rows = []
    for n, text in enumerate(texts):
        parts = [{"type": "image", "text": None, "image_id": image_id(b"0")}]
        asked = {"role": "user", "parts": [*parts, {"type": "text", "text": "Describe it.", "image_id": None}]}
        message = {"role": "assistant", "parts": [{"type": "text", "text": text, "image_id": None}]}
        rows.append(
            {"delivery": "d", "example_id": f"{n}", "messages": [asked, message], "image_ids": [image_id(b"0")]}
        )
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    images = Vectors.of([image_id(f"{n}".encode()) for n in range(200)], unit(drawn.normal(size=(200, DIM))))
    wanted = sorted(set(scored_texts(examples)))
    of = [1 if "cat" in text and "dog" not in text else 0 for text in wanted]
    own = images.gather([image_id(f"{n}".encode()) for n in of])[0]
    texts_at = Vectors.of([text_id(t) for t in wanted], unit(own + 0.1 * drawn.normal(size=own.shape)))
    return RowInputs(examples, images, texts_at, choose_bank(images, 128), choose_bank(texts_at, 128))


def test_a_long_text_is_scored_by_its_parts_and_names_the_one_that_fits_worst(described: RowInputs) -> None:
    sound, spoilt = grounding.measure(described, grounding.AUDIT.settings).to_pylist()
    assert sound["parts"] >= len(SENTENCES)
    assert spoilt["weakest_part"] == "A grey cat sleeps on the sofa."
    assert spoilt["weakest_gain"] < 0.5 < sound["weakest_gain"]
    assert spoilt["cosine"] < sound["cosine"] - 0.1


def test_a_cosine_of_parts_is_the_mean_of_their_cosines(described: RowInputs) -> None:
    row = grounding.measure(described, grounding.AUDIT.settings).to_pylist()[1]
    texts = scored_texts(described.examples.slice(1))
    cosines = (
        described.texts.gather([text_id(t) for t in texts])[0] @ described.images.gather([image_id(b"0")])[0].ravel()
    )
    assert len(texts) == 1 + row["parts"]
    assert row["cosine"] == pytest.approx(cosines.mean(), abs=1e-5)


def test_a_part_without_a_vector_makes_the_turn_abstain(described: RowInputs) -> None:
    kept = np.array([i != text_id(SENTENCES[2]).encode() for i in described.texts.ids.tolist()])
    fewer = Vectors(described.texts.ids[kept], described.texts.matrix[kept])
    sound, spoilt = grounding.measure(replace(described, texts=fewer), grounding.AUDIT.settings).to_pylist()
    assert (sound["abstained"], spoilt["abstained"]) == (True, False)
    assert sound["why"] == "no vector for the text or the image"


def test_hard_images_are_those_most_like_the_own_one(inputs: RowInputs) -> None:
    """A text that fits a close copy of its image better than the image itself: first among all, not among its likes."""
    matrix = inputs.bank_images.matrix.astype(np.float32)
    own = inputs.images.gather([image_id(b"0")])[0]
    text = inputs.texts.gather([text_id(statement_texts(inputs.examples)[0])])[0]
    likes = Vectors.of(
        [*(i.decode() for i in inputs.bank_images.ids.tolist()), "ff" * 32],
        np.vstack([matrix, unit(own + 0.5 * text)]),
    )
    settings = grounding.GroundingSettings(hard_images=1)
    single = replace(inputs, examples=inputs.examples.slice(0, 1), bank_images=likes)
    row = grounding.measure(single, settings).to_pylist()[0]
    assert (row["hard_rank"], row["hard_compared"]) == (2, 1)
    assert row["rank"] == 2
    assert grounding.measure(replace(single, bank_images=inputs.bank_images), settings)["hard_rank"][0].as_py() == 1
