"""Texts in which `<image>` stands for each picture, as most trainers read them."""

from collections.abc import Iterable, Sequence

PLACEHOLDER = "<image>"
MEDIA = (PLACEHOLDER, "<video>", "<audio>")
"""What loaders look for in the text of a turn and want a file for."""


def placeholder_text(parts: Iterable[str | None], *, reserved: Sequence[str] = (PLACEHOLDER,)) -> str:
    """Parts (texts, and None for a picture) as one text with `<image>` where the pictures stand, as LLaVA's trainer
    reads it.

    A placeholder stands on a line of its own unless the text beside it has a space there; that line break is none of
    the text's, which may have one itself. What of the text a loader would take for a placeholder (`reserved`) is
    written with a space, `<image >`, so that the count of placeholders is the count of pictures.
    """
    text = ""
    after_image = False
    for part in parts:
        if part is None:
            text += f"\n{PLACEHOLDER}" if text and _needs_break(text[-1]) else PLACEHOLDER
            after_image = True
            continue
        piece = without_placeholders(part, reserved)
        if not piece:
            continue
        text += f"\n{piece}" if after_image and _needs_break(piece[0]) else piece
        after_image = False
    return text


def _needs_break(beside: str) -> bool:
    """Whether a placeholder is set off from this character: one line break beside it is taken for that."""
    return beside == "\n" or not beside.isspace()


def without_placeholders(text: str, reserved: Sequence[str] = MEDIA) -> str:
    """The text with a space in each literal placeholder: `<image >`."""
    for tag in reserved:
        text = text.replace(tag, f"{tag[:-1]} >")
    return text
