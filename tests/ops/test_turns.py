"""Messages and turns as text."""

from ops.turns import message_text

IMAGE = {"type": "image", "text": None, "image_id": "ab"}


def said(*texts: str) -> list[dict[str, str | None]]:
    return [{"type": "text", "text": text, "image_id": None} for text in texts]


def test_texts_of_a_message_are_joined_as_they_are_and_images_say_nothing() -> None:
    assert message_text({"role": "user", "parts": [IMAGE, *said("What ", "is it?\n", "")]}) == "What is it?\n"
    assert message_text({"role": "user", "parts": [IMAGE]}) == ""
    assert message_text({"role": "user", "parts": None}) == ""
