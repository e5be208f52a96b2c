"""Questions of multiple choice with their options in another order, and the answer that is right then."""

import re

_OPTION = re.compile(r"^([^\S\n]*\(?)([A-H])([.):][^\S\n]*)(\S.*?)([^\S\n]*)$", re.MULTILINE)
_LETTER = re.compile(r"(\s*\(?)([A-H])(\)?[.:]?(?:\s.*)?)", re.DOTALL)
_LETTERS = "ABCDEFGH"


def reordered(question: str, answer: str) -> tuple[str, str] | None:
    """The question with each option moved up by one and the first behind the last, and the answer that names the same
    option there. None where no options stand a line each, lettered from A on, or the answer names none of them."""
    lines = list(_OPTION.finditer(question))
    texts = [line[4] for line in lines]
    if len(lines) < 2 or [line[2] for line in lines] != list(_LETTERS[: len(lines)]) or len(set(texts)) < len(texts):
        return None
    moved = _moved(answer, texts)
    if moved is None:
        return None
    turned = iter([*texts[1:], texts[0]])
    return _OPTION.sub(lambda line: f"{line[1]}{line[2]}{line[3]}{next(turned)}{line[5]}", question), moved


def _moved(answer: str, texts: list[str]) -> str | None:
    """The answer where each option stands one place further up."""
    letter = _LETTER.fullmatch(answer)
    if letter is not None and _LETTERS.index(letter[2]) < len(texts):
        place = (_LETTERS.index(letter[2]) - 1) % len(texts)
        return f"{letter[1]}{_LETTERS[place]}{letter[3]}"
    named = answer.strip().rstrip(".").casefold()
    return answer if named in (text.rstrip(".").casefold() for text in texts) else None
