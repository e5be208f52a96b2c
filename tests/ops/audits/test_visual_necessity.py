from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.visual_necessity import AUDIT, NecessitySettings
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.necessity.crossfit import spread

DIM = 24
COLOURS = ("red", "green", "blue", "black")
SETTINGS = NecessitySettings(folds=3, epochs=20)


def part(kind: str, **fields: str) -> dict:
    return {"type": kind, "text": None, "image_id": None} | fields


def image(number: int) -> str:
    return image_id(str(number).encode())


def example(number: int, turns: Sequence[tuple[str, str]], *images: str) -> dict:
    messages = []
    for question, answer in turns:
        messages += [
            {"role": "user", "parts": [part("text", text=question)]},
            {"role": "assistant", "parts": [part("text", text=answer)]},
        ]
    return {
        "delivery": "d-1",
        "example_id": f"e{number:04d}",
        "kind": "sft",
        "messages": messages,
        "image_ids": list(images),
        "provenance": {"file": "a.json", "row": number},
    }


def inputs_of(rows: list[dict], pictures: dict[str, np.ndarray]) -> RowInputs:
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    texts = sorted(AUDIT.texts(examples)) if AUDIT.texts else []
    text_vectors = {
        text: np.random.default_rng(len(text) * 1009 + sum(text.encode())).normal(size=DIM) for text in texts
    }
    for colour, vector in zip(COLOURS, np.eye(DIM), strict=False):
        text_vectors[colour] = vector
    told_of = Vectors.of([text_id(t) for t in text_vectors], unit(np.stack(list(text_vectors.values()))))
    seen_of = Vectors.of(list(pictures), unit(np.stack(list(pictures.values()))))
    return RowInputs(examples, seen_of, told_of, seen_of, told_of)


def unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def visual_and_blind(count: int = 240) -> RowInputs:
    """Pictures of one colour, asked for it; every third question gives its answer away, every twelfth answer lies."""
    rng = np.random.default_rng(0)
    rows, pictures = [], {}
    for n in range(count):
        colour = int(rng.integers(len(COLOURS)))
        pictures[image(n)] = np.eye(DIM)[colour] + 0.2 * rng.normal(size=DIM)
        if n % 3 == 0:
            turns = [(f"A {COLOURS[colour]} ball lies here. What color is the ball?", COLOURS[colour])]
        else:
            answered = (colour + (n % 12 == 1)) % len(COLOURS)
            turns = [("What color is the ball?", COLOURS[answered])]
        rows.append(example(n, turns, image(n)))
    return inputs_of(rows, pictures)


def measured(inputs: RowInputs, settings: NecessitySettings = SETTINGS) -> list[dict]:
    return AUDIT.measure(inputs, settings).to_pylist()


def test_tells_blind_questions_from_visual_ones() -> None:
    rows = measured(visual_and_blind())
    blind = [row for n, row in enumerate(rows) if n % 3 == 0]
    true = [row for n, row in enumerate(rows) if n % 3 and n % 12 != 1]
    false = [row for n, row in enumerate(rows) if n % 12 == 1]
    assert not any(row["abstained"] for row in rows)
    assert np.mean([row["is_blind"] for row in blind]) > 0.9
    assert not any(row["is_blind"] for row in true)
    assert min(row["text_predictability"] for row in blind) > max(row["text_predictability"] for row in true)
    assert np.mean([row["pvi"] for row in true]) > 0.7
    assert abs(np.mean([row["pvi"] for row in blind])) < 0.1
    assert np.mean([row["pvi"] for row in false]) < -0.5
    assert np.mean([row["information"] for row in false]) > 0.5
    assert np.mean([row["swap_loss"] for row in true]) > 1
    assert {row["candidates"] for row in rows} == {4}


@pytest.mark.full
def test_few_answers_in_their_own_question_are_found_beside_many_yes_no_questions() -> None:
    """Yes/no questions name colours too, and are never answered by one."""
    rng = np.random.default_rng(3)
    rows, pictures = [], {}
    for n in range(400):
        colour = int(rng.integers(len(COLOURS)))
        pictures[image(n)] = np.eye(DIM)[colour] + 0.2 * rng.normal(size=DIM)
        turns = [("What color is the ball?", COLOURS[colour])]
        turns += [
            (f"Is the ball in the image {name}?", "yes" if at == colour else "no") for at, name in enumerate(COLOURS)
        ]
        if n % 40 == 0:
            turns = [(f"A {COLOURS[colour]} ball lies here. What color is the ball?", COLOURS[colour])]
        rows.append(example(n, turns, image(n)))
    measures = measured(inputs_of(rows, pictures))
    blind = [row["text_predictability"] for row in measures if int(row["example_id"][1:]) % 40 == 0]
    assert len(blind) == 10
    assert min(blind) > np.log(0.6)


def test_answers_that_no_picture_tells_gain_nothing_from_one() -> None:
    """Were a turn scored by heads that saw it, the noise of its picture would give its answer away."""
    rng = np.random.default_rng(1)
    rows, pictures = [], {}
    for n in range(300):
        colour = COLOURS[int(rng.integers(len(COLOURS)))]
        # The same picture in two rows, with the same answer: they must not lie in different folds.
        picture = image(n // 2)
        pictures[picture] = rng.normal(size=DIM)
        answer = colour if n % 2 == 0 else rows[-1]["messages"][1]["parts"][0]["text"]
        rows.append(example(n, [("What color is the ball?", answer)], picture))
    pvi = [row["pvi"] for row in measured(inputs_of(rows, pictures))]
    assert np.mean(pvi) < 0.05


def test_open_answers_are_told_from_other_answers() -> None:
    rng = np.random.default_rng(2)
    rows, pictures, answers = [], {}, {}
    for n in range(240):
        text = f"It shows the great thing that bears number {n} of them all."
        vector = rng.normal(size=DIM)
        answers[text_id(text)] = vector
        pictures[image(n)] = vector + 0.3 * rng.normal(size=DIM)
        rows.append(example(n, [("Describe the image.", text)], image(n)))
    inputs = inputs_of(rows, pictures)
    known = [i.decode() for i in inputs.texts.ids.tolist()]
    vectors = [answers.get(i, inputs.texts.matrix[n]) for n, i in enumerate(known)]
    texts = Vectors.of(known, unit(np.stack(vectors)))
    measures = measured(RowInputs(inputs.examples, inputs.images, texts, inputs.images, texts))
    assert {row["answer_kind"] for row in measures} == {"open"}
    assert np.mean([row["pvi"] for row in measures]) > 1
    assert np.mean([row["swap_loss"] for row in measures]) > 1
    assert max(row["candidates"] for row in measures) <= 64


def test_options_are_closed_answers_whatever_their_letter() -> None:
    rng = np.random.default_rng(7)
    rows, pictures, letters = [], {}, "ABCD"
    for n in range(160):
        colour, first = int(rng.integers(4)), int(rng.integers(4))
        pictures[image(n)] = np.eye(DIM)[colour] + 0.2 * rng.normal(size=DIM)
        options = "\n".join(f"{letters[at]}. {COLOURS[(first + at) % 4]}" for at in range(4))
        rows.append(example(n, [(f"What color is it?\n{options}", letters[(colour - first) % 4])], image(n)))
    measures = measured(inputs_of(rows, pictures))
    assert {row["answer_kind"] for row in measures} == {"closed"}
    assert not any(row["abstained"] for row in measures)


def test_an_example_pools_its_turns() -> None:
    inputs = visual_and_blind()
    rows = inputs.examples.to_pylist()
    for n in range(0, len(rows), 3):
        rows[n]["messages"] += rows[n + 1]["messages"]
    measures = measured(
        inputs_of(rows, dict(zip(map(bytes.decode, inputs.images.ids), inputs.images.matrix, strict=True)))
    )
    pair = [row for row in measures if row["example_id"] == "e0003"]
    assert len(pair) == 2
    assert pair[0]["example_pvi"] == pytest.approx(np.mean([row["pvi"] for row in pair]), abs=1e-6)
    assert pair[0]["example_pvi"] == pair[1]["example_pvi"]
    assert pair[0]["blind_share"] == np.mean([row["is_blind"] for row in pair])


def test_says_why_it_abstains() -> None:
    inputs = visual_and_blind()
    known = inputs.images
    rows = inputs.examples.to_pylist()
    rows.append(example(900, [("What is it?", "I don't know."), ("", "red")], image(1)))
    rows.append(example(901, [("What color is it?", "red")]))
    rows.append(example(902, [("What is this?", "aardvark")], image(2)))
    measures = measured(inputs_of(rows, dict(zip(map(bytes.decode, known.ids), known.matrix, strict=True))))
    why = {(row["example_id"], row["turn"]): row["why"] for row in measures if row["abstained"]}
    assert why == {
        ("e0900", 0): "an answer that says nothing about the image",
        ("e0900", 1): "no query",
        ("e0902", 0): "too few open answers in the delivery to fit heads on",
    }
    some = Vectors(known.ids[:50], known.matrix[:50])
    few = measured(RowInputs(inputs.examples, some, inputs.texts, some, inputs.texts))
    assert sum(row["why"] == "no vector for the query, the answer or the image" for row in few) == 190


def test_folds_are_even_and_keep_names_together() -> None:
    names = [f"n{n // 3}" for n in range(300)]
    folds = spread(names, 4)
    assert np.bincount(folds).tolist() == [75] * 4
    assert all(len(set(folds[n : n + 3])) == 1 for n in range(0, 300, 3))


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="folds must be at least 2"):
        NecessitySettings(folds=1)


def test_answers_that_nothing_tells_are_not_called_known() -> None:
    """Few turns of many words: heads learn them by heart, and are right by chance half of the time."""
    rng = np.random.default_rng(5)
    rows, pictures = [], {}
    for n in range(240):
        pictures[image(n)] = rng.normal(size=DIM)
        rows.append(
            example(n, [(f"Is there a thing number {n % 40} in it?", str(rng.choice(["yes", "no"])))], image(n))
        )
    assert np.mean([row["is_blind"] for row in measured(inputs_of(rows, pictures))]) <= 0.02
