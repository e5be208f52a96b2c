from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.alignment_shift import AUDIT, ShiftSettings
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs

DIM = 32


def part(kind: str, **fields: str) -> dict:
    return {"type": kind, "text": None, "image_id": None} | fields


def caption(number: int) -> str:
    return f"A photo of thing number {number}."


def image(number: int) -> str:
    return image_id(str(number).encode())


def inputs_of(pictures: Sequence[int], *, file: str = "a.json", rows: Sequence[int] | None = None) -> RowInputs:
    """Row n says what picture n shows and shows picture `pictures[n]`."""
    rng = np.random.default_rng(4)
    count = len(pictures)
    image_vectors = rng.normal(size=(count, DIM))
    text_vectors = image_vectors + 0.7 * rng.normal(size=(count, DIM))
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (image_vectors, text_vectors)]
    images = Vectors.of([image(n) for n in range(count)], unit[0])
    texts = Vectors.of([text_id(caption(n)) for n in range(count)], unit[1])
    examples = [
        {
            "drop": "d",
            "delivery": "d-1",
            "example_id": f"e{n:04d}",
            "kind": "sft",
            "messages": [
                {"role": "user", "parts": [part("image", image_id=image(picture)), part("text", text="Describe it.")]},
                {"role": "assistant", "parts": [part("text", text=caption(n))]},
            ],
            "image_ids": [image(picture)],
            "provenance": {"file": file, "row": n if rows is None else rows[n]},
        }
        for n, picture in enumerate(pictures)
    ]
    return RowInputs(pa.Table.from_pylist(examples, schema=EXAMPLES.schema), images, texts, images, texts)


def turned(count: int, start: int, stop: int, by: int) -> list[int]:
    """Row numbers with those from start to stop turned round by some places."""
    order = list(range(count))
    order[start:stop] = order[start + by : stop] + order[start : start + by]
    return order


def measured(inputs: RowInputs) -> list[dict]:
    return AUDIT.measure(inputs, AUDIT.settings).to_pylist()


@pytest.mark.parametrize("by", [1, 3])
def test_names_the_rows_of_a_run_and_the_pictures_that_are_theirs(by: int) -> None:
    rows = measured(inputs_of(turned(200, 80, 140, by)))
    assert [n for n, row in enumerate(rows) if row["is_shifted"]] == list(range(80, 140))
    repaired = {n: row["proposed_image_ids"] for n, row in enumerate(rows) if row["is_shifted"]}
    assert repaired == {n: [image(n)] for n in range(80, 140)}
    assert {row["shift"] for row in rows[85:135]} == {-by}
    assert all(row["p_value"] < 0.001 and row["score_shifted"] > row["score"] for row in rows[85:135])
    assert {(row["run_first_row"], row["run_rows"]) for row in rows[85:135]} == {(80 + by, 60 - by)}


def test_a_score_of_nothing_at_all_is_a_score() -> None:
    whole = inputs_of(turned(60, 10, 50, 2))
    # Two pictures an axis, on its two sides: the mean is 0, and a row's own picture is at right angles to its text.
    sides = np.repeat(np.eye(30), 2, axis=0) * np.tile([1, -1], 30)[:, None]
    images = Vectors.of([image(n) for n in range(60)], sides)
    texts = Vectors.of([text_id(caption(n)) for n in range(60)], sides)
    rows = measured(RowInputs(whole.examples, images, texts, images, texts))
    assert {(row["is_shifted"], row["score"], row["score_shifted"]) for row in rows[15:45]} == {(True, 0.0, 1.0)}


def test_says_nothing_of_a_clean_file_or_a_scrambled_one() -> None:
    clean = measured(inputs_of(list(range(200))))
    scrambled = measured(inputs_of(np.random.default_rng(0).permutation(200).tolist()))
    for rows in (clean, scrambled):
        assert not any(row["is_shifted"] or row["abstained"] for row in rows)
    assert clean[0]["shard_p_value"] == pytest.approx(0.005)
    assert scrambled[0]["shard_p_value"] > 0.05


def test_a_file_shifted_from_end_to_end() -> None:
    rows = measured(inputs_of([1, *range(1, 120), 0][:120]))
    assert sum(row["is_shifted"] for row in rows) <= 1
    late = measured(inputs_of([0, *range(119)]))
    assert sum(row["is_shifted"] for row in late) >= 115
    assert {row["shift"] for row in late if row["is_shifted"]} == {1}


def test_rows_that_ingest_set_aside_keep_their_place() -> None:
    kept = [n for n in range(220) if n % 11]
    whole = inputs_of(turned(220, 80, 180, 2))
    rows = measured(RowInputs(whole.examples.take(kept), whole.images, whole.texts, whole.images, whole.texts))
    named = [row for row in rows if row["is_shifted"]]
    assert len(named) > 80
    assert {row["shift"] for row in named[3:-3]} == {-2}
    assert sum(row["proposed_image_ids"] == [image(row["row"])] for row in named) > 70


def test_small_files_and_unknown_vectors_abstain() -> None:
    few = measured(inputs_of(list(range(8))))
    assert all(row["abstained"] and row["why"] == "too few usable rows in the file" for row in few)
    whole = inputs_of(list(range(40)))
    blind = Vectors(whole.images.ids[:30], whole.images.matrix[:30])
    rows = measured(RowInputs(whole.examples, blind, whole.texts, blind, whole.texts))
    assert sum(row["abstained"] for row in rows) == 10
    assert all(row["score"] is None and row["p_value"] is None for row in rows if row["abstained"])


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="rounds at least 20"):
        ShiftSettings(rounds=5)
