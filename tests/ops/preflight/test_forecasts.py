"""What each trainer does with one row, by its rules; test_real_loaders holds the rules to the trainers themselves."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ops.preflight.contract import BROKEN, MISSING, UNKNOWN_STATE, Forecast, Picture, Row, Turn
from ops.preflight.forecast import forecast_rows
from ops.preflight.reasons import REASONS
from ops.preflight.registry import all_trainers, limits_of, trainer_of

PICTURE = Picture(280, 280)  # 10 x 10 tokens
TRAINERS = list(all_trainers())
COUNTING = [name for name in TRAINERS if name != "megatron-energon"]  # whose rows are the task encoder's to lay out


def one_token_a_word(texts: pa.Array) -> np.ndarray:
    """Words of each text."""
    return np.array([len(text.split()) for text in texts.to_pylist()], dtype=np.int64)


def row(*turns: tuple[str, str | None], pictures: tuple[Picture, ...] = (), **more: object) -> Row:
    """A row whose contents show each picture where `*` stands."""
    parts = [(role, None if text is None else tuple(_parts(text))) for role, text in turns]
    spoken = tuple(Turn(role, shown, is_list=shown is not None) for role, shown in parts)
    return Row(row_id="1", turns=spoken, pictures=pictures, **more)


def _parts(text: str) -> list[str | None]:
    parts: list[str | None] = []
    for at, piece in enumerate(text.split("*")):
        parts += ([None] if at else []) + ([piece] if piece else [])
    return parts


def forecast(trainer: str, *rows: Row, **given: object) -> Forecast:
    """The forecast of the last row; those before it must not matter."""
    chosen = trainer_of(trainer)
    rows = tuple(replace(row, is_prompt=chosen.reads == "prompt") for row in rows)
    limits = limits_of(chosen, {"system": "", "trainer_min_image_px": 0, **given})
    return forecast_rows(chosen, rows, limits, one_token_a_word)[-1]


def outcome_of(result: Forecast) -> tuple[str, str]:
    return result.outcome.value, result.reason


PLAIN = row(("user", "*what"), ("assistant", "a boat"), pictures=(PICTURE,))


@pytest.mark.parametrize("trainer", COUNTING)
def test_a_plain_row_is_read_and_its_tokens_are_counted(trainer: str) -> None:
    result = forecast(trainer, PLAIN)
    assert outcome_of(result) == ("read", "")
    # <|im_start|> user <|vision_start|> 100 <|vision_end|> what <|im_end|> <|im_start|> assistant a boat <|im_end|>
    # and of a prompt <|im_start|> assistant, after which nothing is learnt: EasyR1 has one text of it, ms-swift takes
    # off the answer
    asked = {"verl": 113, "trl-grpo": 113, "easyr1": 110, "ms-swift-grpo": 108}
    learnt = (asked[trainer], 100, 0) if trainer in asked else (111, 100, 3)
    assert (result.tokens, result.image_tokens, result.answer_tokens) == learnt


@pytest.mark.parametrize(
    ("trainer", "outcomes"),
    [
        ("ms-swift", ("replaced", "replaced", "unknown")),
        ("llamafactory", ("crashed", "crashed", "unknown")),
        ("trl", ("crashed", "crashed", "unknown")),
        ("qwen-vl", ("replaced", "replaced", "unknown")),
        ("internvl", ("replaced", "replaced", "unknown")),
        ("axolotl", ("crashed", "crashed", "unknown")),
        ("megatron-energon", ("dropped", "dropped", "unknown")),
        ("verl", ("dropped", "dropped", "unknown")),
        ("easyr1", ("crashed", "crashed", "unknown")),
        ("trl-grpo", ("crashed", "crashed", "unknown")),
        ("ms-swift-grpo", ("crashed", "crashed", "unknown")),
    ],
)
def test_files_that_cannot_be_read(trainer: str, outcomes: tuple[str, ...]) -> None:
    results = [
        forecast(trainer, replace(PLAIN, pictures=(Picture(state=s),))) for s in (MISSING, BROKEN, UNKNOWN_STATE)
    ]
    assert tuple(one.outcome.value for one in results) == outcomes
    assert [one.reason for one in results] == ["image_missing", "image_broken", "file_unknown"]


@pytest.mark.parametrize(
    ("trainer", "given", "expected"),
    [
        ("ms-swift", {}, ("replaced", "too_long", 0)),
        ("ms-swift", {"on_failure": "drop"}, ("dropped", "too_long", 0)),
        ("ms-swift", {"on_failure": "crash"}, ("crashed", "too_long", 0)),
        ("ms-swift", {"truncation": "right"}, ("truncated", "no_answer_left", 3)),
        ("ms-swift", {"truncation": "left"}, ("truncated", "prompt_cut", 0)),
        ("llamafactory", {}, ("crashed", "image_cut", 0)),
        ("trl", {}, ("crashed", "image_cut", 3)),
        ("qwen-vl", {}, ("crashed", "image_cut", 3)),
        ("internvl", {}, ("replaced", "image_cut", 3)),
        ("axolotl", {}, ("read", "not_cut", 0)),
        ("verl", {}, ("dropped", "too_long", 0)),
        ("easyr1", {}, ("dropped", "too_long", 0)),
        ("trl-grpo", {}, ("read", "not_cut", 0)),
        ("ms-swift-grpo", {"truncation": "left"}, ("truncated", "prompt_cut", 0)),
        ("ms-swift-grpo", {"truncation": "delete"}, ("replaced", "too_long", 0)),
    ],
)
def test_pictures_that_leave_no_room(trainer: str, given: dict[str, object], expected: tuple[str, str, int]) -> None:
    result = forecast(trainer, PLAIN, max_tokens=103 if given.get("truncation") else 90, **given)
    assert (*outcome_of(result), result.answer_tokens_lost) == expected


def test_llama_factory_shares_the_room_between_question_and_answer() -> None:
    long = row(("user", "q " * 40), ("assistant", "a " * 40))
    result = forecast("llamafactory", long, max_tokens=40)
    # 45 tokens of question and 41 of answer: 40 * 41 / 86 stay of the answer
    assert (*outcome_of(result), result.answer_tokens_lost, result.tokens_lost) == ("truncated", "answer_cut", 22, 46)


def test_a_pair_is_cut_to_the_lengths_that_its_longer_answer_leaves() -> None:
    pair = row(("user", "q " * 40), chosen=Turn("assistant", ("a " * 40,)), rejected=Turn("assistant", ("b",)))
    result = forecast("llamafactory", pair, max_tokens=40)
    assert (*outcome_of(result), result.answer_tokens_lost) == ("truncated", "answer_cut", 22)


@pytest.mark.parametrize(("label", "reason"), [(True, "misjudged"), (False, ""), (None, "")])
def test_llama_factory_takes_a_good_answer_of_no_text_for_a_bad_one(label: bool | None, reason: str) -> None:
    judged = replace(row(("user", "q"), ("assistant", "")), is_judged=label is not None, label=label)
    assert outcome_of(forecast("llamafactory", judged)) == ("read", reason)
    nothing = replace(judged, turns=(judged.turns[0], Turn("assistant", None)))
    assert outcome_of(forecast("llamafactory", nothing)) == (("read", reason) if label else ("crashed", "no_content"))


def test_what_a_tool_says_stands_in_a_turn_of_the_user() -> None:
    """<|im_start|> user what <|im_end|> <|im_start|> assistant call <|im_end|>, <|im_start|> user <tool_response> two
    </tool_response> <|im_end|> <|im_start|> assistant a boat <|im_end|>; only Qwen's way is known."""
    asked = (("user", "what"), ("assistant", "call"), ("tool", "two"), ("assistant", "a boat"))
    for trainer in ("ms-swift", "llamafactory"):
        result = forecast(trainer, row(*asked))
        assert (*outcome_of(result), result.tokens, result.answer_tokens) == ("read", "", 19, 5)
        assert outcome_of(forecast(trainer, row(*asked), model="llava-1.5")) == ("unknown", "not_forecast")
    assert outcome_of(forecast("ms-swift", row(*asked[2:]))) == ("replaced", "role_order")
    assert outcome_of(forecast("llamafactory", row(*asked[:2], ("user", "and"), *asked[2:]))) == (
        "dropped",
        "role_order",
    )


def test_ms_swift_deletes_a_pair_of_equal_answers() -> None:
    pair = row(("user", "q"), chosen=Turn("assistant", ("a",)), rejected=Turn("assistant", ("a",)))
    assert outcome_of(forecast("ms-swift", pair)) == ("dropped", "same_responses")
    assert outcome_of(forecast("trl", pair)) == ("read", "")


def test_a_pair_that_is_replaced_for_one_answer_does_not_stop_the_model_by_the_other() -> None:
    pair = row(("user", "q"), chosen=Turn("assistant", ("a " * 90,)), rejected=Turn("assistant", ("<|image_pad|>",)))
    assert outcome_of(forecast("ms-swift", pair)) == ("crashed", "model_token")
    assert outcome_of(forecast("ms-swift", pair, max_tokens=80)) == ("replaced", "too_long")
    assert outcome_of(forecast("ms-swift", pair, max_tokens=80, truncation="right")) == ("crashed", "model_token")


@pytest.mark.parametrize("trainer", ["axolotl", "internvl", "qwen-vl"])
def test_pairs_are_unknown_where_the_rules_do_not_cover_them(trainer: str) -> None:
    pair = row(("user", "q"), chosen=Turn("assistant", ("a",)), rejected=Turn("assistant", ("b",)))
    assert outcome_of(forecast(trainer, pair)) == ("unknown", "not_forecast")


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ("ms-swift", ("read", "placeholder_literal")),
        ("llamafactory", ("crashed", "placeholder_mismatch")),
        ("trl", ("crashed", "placeholder_mismatch")),
        ("qwen-vl", ("replaced", "placeholder_mismatch")),
        ("internvl", ("read", "placeholder_literal")),
        ("axolotl", ("crashed", "placeholder_mismatch")),
    ],
)
def test_more_placeholders_than_pictures(trainer: str, expected: tuple[str, str]) -> None:
    assert outcome_of(forecast(trainer, row(("user", "**"), ("assistant", "a"), pictures=(PICTURE,)))) == expected


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ("ms-swift", ("read", "no_target")),
        ("llamafactory", ("dropped", "role_order")),
        ("trl", ("read", "")),
        ("qwen-vl", ("read", "no_target")),
        ("internvl", ("read", "no_target")),
        ("axolotl", ("read", "no_target")),
    ],
)
def test_a_question_without_an_answer(trainer: str, expected: tuple[str, str]) -> None:
    assert outcome_of(forecast(trainer, row(("user", "what")))) == expected


@pytest.mark.parametrize("trainer", COUNTING)
def test_a_large_picture_is_seen_smaller_and_its_boxes_move(trainer: str) -> None:
    large = replace(PLAIN, pictures=(Picture(7000, 7000),))
    given = {"max_tokens": 100_000}
    assert outcome_of(forecast(trainer, large, **given)) == ("resized", "image_resized")
    boxed = forecast(trainer, replace(large, box_scales=("pixels",)), **given)
    assert (*outcome_of(boxed), boxed.boxes_moved) == ("resized", "boxes_moved", True)
    assert not forecast(trainer, replace(PLAIN, box_scales=("pixels",))).boxes_moved


@pytest.mark.parametrize("trainer", ["ms-swift", "llamafactory", "trl", "qwen-vl", "axolotl", "verl"])
def test_boxes_after_the_model_s_own_resize_move_where_its_range_is_another(trainer: str) -> None:
    """A picture of 900 x 500 is 896 x 504 in the range of the processor, less in one that ends lower."""
    given = {"min_image_px": 3136, "max_image_px": 12_845_056, "max_tokens": 100_000}
    pointed = replace(PLAIN, pictures=(Picture(900, 500),), box_scales=("qwen2.5-vl",))
    assert not forecast(trainer, pointed, **given).boxes_moved
    assert forecast(trainer, replace(pointed, box_scales=("qwen2.5-vl", "pixels")), **given).boxes_moved
    assert forecast(trainer, pointed, **{**given, "max_image_px": 200_704}).boxes_moved
    named = replace(pointed, box_scales=("qwen2.5-vl 3136-200704",))
    assert not forecast(trainer, named, **{**given, "max_image_px": 200_704}).boxes_moved


def test_only_trl_sees_a_picture_upright() -> None:
    lying = replace(PLAIN, pictures=(Picture(2800, 27, turned=True),))
    assert forecast("trl", lying).image_tokens == 100  # 1 x 100 either way: as the sides, so the tokens
    crossed = replace(PLAIN, pictures=(Picture(300, 100, turned=True),))
    assert forecast("llamafactory", crossed).image_tokens == forecast("trl", crossed).image_tokens == 44


@pytest.mark.parametrize("trainer", COUNTING)
def test_boxes_of_a_lying_picture_move_where_it_is_not_turned(trainer: str) -> None:
    lying = replace(PLAIN, pictures=(Picture(504, 336, turned=True),))
    turns = trainer in ("trl", "trl-grpo", "qwen-vl", "axolotl")
    assert forecast(trainer, lying).reason == ""
    assert forecast(trainer, replace(lying, box_scales=("pixels",))).boxes_moved is not turns


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ("verl", ("dropped", "placeholder_mismatch")),
        ("easyr1", ("crashed", "placeholder_mismatch")),
        ("trl-grpo", ("crashed", "placeholder_mismatch")),
        ("ms-swift-grpo", ("read", "placeholder_literal")),
    ],
)
def test_a_prompt_with_more_placeholders_than_pictures(trainer: str, expected: tuple[str, str]) -> None:
    assert outcome_of(forecast(trainer, row(("user", "**"), pictures=(PICTURE,)))) == expected


def test_rows_of_another_kind_are_unknown() -> None:
    prompt = replace(row(("user", "what")), is_prompt=True)
    outcomes = {
        name: forecast_rows(trainer_of(name), [prompt, PLAIN], limits_of(trainer_of(name), {}), one_token_a_word)
        for name in TRAINERS
    }
    for name, (of_prompt, of_answer) in outcomes.items():
        known, other = (of_prompt, of_answer) if trainer_of(name).reads == "prompt" else (of_answer, of_prompt)
        assert known.outcome.value == "read"
        assert outcome_of(other) == ("unknown", "other_kind")


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_list_of_tools_is_written_or_ignored(trainer: str) -> None:
    listed = replace(PLAIN, tools='[{"name": "zoom"}]')
    result, plain = forecast(trainer, listed), forecast(trainer, PLAIN)
    if trainer in ("ms-swift", "ms-swift-grpo", "llamafactory"):
        assert outcome_of(result) == ("read", "")
        assert (result.tokens or 0) > (plain.tokens or 0) + 40
        broken = forecast(trainer, replace(PLAIN, tools="zoom"))
        failed = {"ms-swift": "replaced"}.get(trainer, "crashed")
        assert outcome_of(broken) == (failed, "tools_broken")
    else:
        assert result == plain
        return
    assert outcome_of(forecast(trainer, listed, model="llava-1.5")) == ("unknown", "not_forecast")


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_the_rules_do_not_cover_is_called_unknown(trainer: str) -> None:
    assert outcome_of(forecast(trainer, replace(PLAIN, unreadable="videos"))) == ("unknown", "not_forecast")
    many = replace(PLAIN, pictures=(PICTURE, PICTURE))
    assert outcome_of(forecast(trainer, many, max_images=1)) == ("crashed", "too_many_images")


@pytest.mark.parametrize("trainer", TRAINERS)
def test_rows_are_forecast_one_by_one(trainer: str) -> None:
    rows = [PLAIN, row(("user", "*"), ("assistant", "")), row(("assistant", "a")), replace(PLAIN, pictures=())]
    chosen = trainer_of(trainer)
    limits = limits_of(chosen, {})
    apart = [forecast_rows(chosen, [one], limits, one_token_a_word)[0] for one in rows]
    assert forecast_rows(chosen, rows, limits, one_token_a_word) == apart


def test_every_reason_says_what_to_do() -> None:
    assert all(reason.says and reason.fix for reason in REASONS.values())
