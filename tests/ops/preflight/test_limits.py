"""Limits: whose number holds, and what is refused."""

import pytest

from ops.core.errors import UnusableError
from ops.preflight.limits import Limits
from ops.preflight.registry import limits_of, trainer_of


def test_given_numbers_go_before_the_trainers_and_those_before_the_models() -> None:
    swift, factory = trainer_of("ms-swift"), trainer_of("llamafactory")
    assert limits_of(swift, {"model": "qwen3-vl"}).max_tokens == 262144
    assert limits_of(factory, {"model": "qwen3-vl"}).max_tokens == 2048
    assert limits_of(factory, {"model": "qwen3-vl", "max_tokens": 7}).max_tokens == 7
    assert limits_of(swift, {}).truncation == "delete"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"max_token": 1}, "unknown limit 'max_token'; known are model"),
        ({"max_tokens": "1"}, "max_tokens must be a whole number"),
        ({"max_tokens": True}, "max_tokens must be a whole number"),
        ({"max_tokens": -1}, "max_tokens must be 0 or more"),
        ({"model": "gpt-9"}, "no model 'gpt-9' is known; known are "),
        ({"truncation": "middle"}, "truncation of ms-swift is one of delete, right, left"),
        ({"on_failure": "cry"}, "on_failure of ms-swift is one of replace, drop, crash"),
        ({"min_image_px": 9, "max_image_px": 8}, "min_image_px 9 is above max_image_px 8"),
    ],
)
def test_what_cannot_hold_is_refused_by_name(given: dict[str, object], problem: str) -> None:
    with pytest.raises(UnusableError, match=problem):
        limits_of(trainer_of("ms-swift"), given)


def test_an_unknown_trainer_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        UnusableError, match="no trainer 'trainer' is known; known are axolotl, easyr1, internvl, llamafactory"
    ):
        trainer_of("trainer")


def test_no_limit_is_a_limit_of_none() -> None:
    assert Limits().max_tokens == 0
