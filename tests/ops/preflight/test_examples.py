"""Stored examples as rows: as their export writes them."""

from typing import Any

import pyarrow as pa
import pytest

from ops.core.schemas import BOXES
from ops.preflight.contract import Picture, Row
from ops.preflight.examples import READ, pixel_scales, rows_of
from ops.preflight.forecast import forecast_rows
from ops.preflight.pictures import COLUMNS, PictureSizes
from ops.preflight.registry import limits_of, trainer_of
from ops.text.tokens import counter
from tests.support.samples import sample_examples, sample_images


def test_samples_become_rows_with_their_pictures() -> None:
    examples = sample_examples()
    sizes = PictureSizes(sample_images(examples).select(COLUMNS))
    pictures = sizes.of(image for images in examples["image_ids"].to_pylist() for image in images or ())
    texts, typed = (rows_of(examples, pictures.__getitem__, trainer_of(name)) for name in ("ms-swift", "trl"))
    assert [row.row_id for row in texts] == examples["example_id"].to_pylist()
    places = [sum(turn.places for turn in row.turns) for row in texts]
    assert places == [sum(turn.places for turn in row.turns) for row in typed]
    assert any(places)
    for row, example in zip(texts, examples.select(READ).to_pylist(), strict=True):
        named = [part["image_id"] for message in example["messages"] or () for part in message["parts"] or ()]
        assert len(row.pictures) == sum(one is not None for one in named)
        roles = {turn.role for turn in row.turns}
        assert row.unreadable or roles <= {"system", "user", "assistant", "tool"}


def test_answers_without_loss_are_known_where_the_trainer_masks_them() -> None:
    def message(role: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "text": role, "image_id": None}]}

    roles = {"sft": "user context user assistant", "preference": "user assistant user chosen rejected"}
    table = pa.table(
        {
            "example_id": [*roles],
            "kind": [*roles],
            "messages": [[message(role) for role in spoken.split()] for spoken in roles.values()],
            "image_ids": pa.array([[], []], pa.list_(pa.string())),
            "metadata": ["{}", "{}"],
        }
    )
    (sft, pair), others = (
        rows_of(table, lambda _: Picture(1, 1), trainer_of(name)) for name in ("ms-swift", "llamafactory")
    )
    assert [row.left_out for row in others] == ["losses_left_out", ""]
    assert sft.left_out == ""
    assert [(turn.role, turn.is_learned) for turn in sft.turns if turn.role != "user"] == [
        ("assistant", False),
        ("assistant", True),
    ]
    # Of a pair its two answers alone are learned.
    assert [turn.is_learned for turn in pair.turns if turn.role == "assistant"] == [False]
    assert pair.chosen is not None
    assert pair.chosen.is_learned


def test_a_picture_on_its_side_is_stored_with_its_sides_swapped() -> None:
    images = pa.table({"image_id": ["b", "a"], "width_px": [30, 10], "height_px": [40, 20], "exif_orientation": [6, 1]})
    sizes = PictureSizes(images).of(["a", "b", "c"])
    assert sizes["a"] == Picture(10, 20)
    assert (sizes["b"].size, sizes["b"].upright) == ((40, 30), (30, 40))
    assert sizes["c"].state == "unknown"


def test_boxes_in_pixels_are_those_that_can_move() -> None:
    examples = sample_examples()
    first, second = examples["example_id"].to_pylist()[:2]
    rows = [
        {"example_id": first, "convention": "qwen2.5-vl", "notation": "json"},
        {"example_id": first, "convention": "pixels", "notation": "objects"},
        {"example_id": second, "convention": "thousand", "notation": "tokens"},
    ]
    boxes = pa.Table.from_pylist(rows, schema=BOXES.schema)
    scales = pixel_scales(boxes, trainer_of("trl"))
    read = rows_of(examples, lambda _: Picture(1, 1), trainer_of("trl"), scales)
    assert {row.row_id: row.box_scales for row in read if row.box_scales} == {first: ("pixels", "qwen2.5-vl")}
    assert pixel_scales(boxes, trainer_of("ms-swift")) == {first: ("qwen2.5-vl",)}


def spoken(kind: str, roles: str, *, shows: str = "user", weights: str = "{}") -> dict[str, Any]:
    """An example whose turns have these roles, the first of `shows` with a picture."""
    messages: list[dict[str, Any]] = []
    for number, role in enumerate(roles.split()):
        parts = [{"type": "text", "text": f"{role} {number}", "image_id": None}]
        parts += [{"type": "image", "text": None, "image_id": "i"}] if role == shows else []
        messages.append({"role": role, "parts": parts})
    return {"example_id": roles, "kind": kind, "messages": messages, "image_ids": ["i"], "metadata": weights}


@pytest.mark.parametrize(
    ("trainer", "example", "reason"),
    [
        ("axolotl", spoken("preference", "user chosen rejected"), "kind_left_out"),
        ("axolotl", spoken("sft", "user user assistant"), ""),
        ("trl", spoken("prompt", "user ground_truth"), "kind_left_out"),
        ("verl", spoken("sft", "user assistant"), "kind_left_out"),
        ("verl", spoken("prompt", "user"), "truth_left_out"),
        ("trl-grpo", spoken("prompt", "user"), ""),
        ("easyr1", spoken("prompt", "user context user ground_truth"), "turns_left_out"),
        ("qwen-vl", spoken("sft", "user assistant tool assistant"), "tools_left_out"),
        ("llamafactory", spoken("sft", "user assistant tool assistant"), ""),
        ("llamafactory", spoken("sft", "user assistant assistant"), "order_left_out"),
        ("ms-swift", spoken("sft", "user assistant assistant"), ""),
        ("ms-swift", spoken("sft", "user user assistant"), "order_left_out"),
        ("internvl", spoken("sft", "user assistant", shows="assistant"), "picture_left_out"),
        ("trl", spoken("sft", "user assistant", weights='{"loss_weights": [null, 0.5]}'), "losses_left_out"),
        ("ms-swift", spoken("sft", "user assistant", weights='{"loss_weights": [null, 0.5]}'), ""),
        ("ms-swift", spoken("sft", "user assistant", weights='{"loss_weights": [0.5, null]}'), "losses_left_out"),
        (
            "trl",
            spoken("preference", "user chosen rejected", weights='{"loss_weights": [null, 2, null]}'),
            "losses_left_out",
        ),
    ],
)
def test_what_an_export_does_not_hold_is_left_out_by_name(trainer: str, example: dict[str, Any], reason: str) -> None:
    (row,) = rows_of(pa.Table.from_pylist([example]), lambda _: Picture(1, 1), trainer_of(trainer))
    assert row.left_out == reason
    (forecast,) = forecast_rows(trainer_of(trainer), [row], limits_of(trainer_of(trainer), {}), counter("", ""))
    assert (forecast.outcome.value == "left_out", forecast.reason if reason else "") == (bool(reason), reason)


def test_of_several_rated_answers_the_best_and_the_worst_are_forecast() -> None:
    example = spoken("preference", "user response response response")
    table = pa.Table.from_pylist([example])
    name, texts = example["example_id"], [f"response {number}" for number in (1, 2, 3)]

    def read(ranked: dict[str, tuple[str, ...]]) -> Row:
        (row,) = rows_of(table, lambda _: Picture(1, 1), trainer_of("trl"), ranked=ranked)
        return row

    assert read({}).unreadable == "3 rated answers"
    pair = read({name: (texts[2], texts[0])})
    assert (pair.unreadable, pair.left_out) == ("", "")
    assert pair.chosen is not None
    assert pair.rejected is not None
    assert (pair.chosen.text, pair.rejected.text, pair.chosen.role) == ("response 3", "response 1", "assistant")
    assert read({name: ()}).left_out == "rank_left_out"
