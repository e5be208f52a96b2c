"""Questions of multiple choice: with their options in another order and the answer that is right then, and the letter
of an option that is wrong."""

import re

_OPTION = re.compile(r"^([^\S\n]*\(?)([A-H])([.):][^\S\n]*)(\S.*?)([^\S\n]*)$", re.MULTILINE)
_LETTER = re.compile(r"(\s*\(?)([A-H])(\)?[.:]?(?:\s.*)?)", re.DOTALL)
_LETTERS = "ABCDEFGH"


def reordered(question: str, answer: str) -> tuple[str, str] | None:
    """The question with each option moved up by one and the first behind the last, and the answer that names the same
    option there. None where no options stand a line each, lettered from A on, or the answer names none of them."""
    texts = _options(question)
    place = _place(answer, texts)
    if place is None:
        return None
    letter = _LETTER.fullmatch(answer)
    moved = f"{letter[1]}{_LETTERS[(place - 1) % len(texts)]}{letter[3]}" if letter else answer
    turned = iter([*texts[1:], texts[0]])
    return _OPTION.sub(lambda line: f"{line[1]}{line[2]}{line[3]}{next(turned)}{line[5]}", question), moved


def wrong_letter(question: str, answer: str) -> str | None:
    """The letter of an option that the answer does not name; None where `reordered` gives nothing."""
    texts = _options(question)
    place = _place(answer, texts)
    return None if place is None else _LETTERS[(place + 1) % len(texts)]


def _options(question: str) -> list[str]:
    """The texts of the options in their order, all different; empty where they are not lettered from A on."""
    lines = list(_OPTION.finditer(question))
    texts = [line[4] for line in lines]
    lettered = [line[2] for line in lines] == list(_LETTERS[: len(lines)])
    return texts if len(set(texts)) == len(texts) > 1 and lettered else []


def _place(answer: str, texts: list[str]) -> int | None:
    """Which of the options the answer names, by its letter or its text."""
    letter = _LETTER.fullmatch(answer)
    if letter is not None and _LETTERS.index(letter[2]) < len(texts):
        return _LETTERS.index(letter[2])
    named = answer.strip().rstrip(".").casefold()
    places = [place for place, text in enumerate(texts) if text.rstrip(".").casefold() == named]
    return places[0] if places else None
