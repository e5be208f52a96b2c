"""Messages and turns as text."""

import pyarrow as pa

from ops.core.schemas import MESSAGE
from ops.core.turns import message_text, read_turns

IMAGE = {"type": "image", "text": None, "image_id": "ab"}


def dialogue(*texts: str) -> list[dict[str, str | None]]:
    return [{"type": "text", "text": text, "image_id": None} for text in texts]


def test_texts_of_a_message_are_joined_as_they_are_and_images_say_nothing() -> None:
    assert message_text({"role": "user", "parts": [IMAGE, *dialogue("What ", "is it?\n", "")]}) == "What is it?\n"
    assert message_text({"role": "user", "parts": [IMAGE]}) == ""
    assert message_text({"role": "user", "parts": None}) == ""


def test_a_turn_that_carries_no_loss_is_no_target() -> None:
    spoken = [("user", "Is it a dog?"), ("context", "Yes."), ("user", "Sure?"), ("assistant", "No, a cat.")]
    messages = [{"role": role, "parts": dialogue(text)} for role, text in spoken]
    examples = pa.table({"messages": pa.array([messages], pa.list_(MESSAGE))})
    assert [(turn.turn, turn.query, turn.answer) for turn in read_turns(examples)] == [(0, "Sure?", "No, a cat.")]
