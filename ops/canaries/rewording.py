"""Answers that say the same in slightly other words: one phrase of a long answer, or each that is known."""

import re

from ops.canaries.rows import Row, answered, drawn, saying
from ops.text.likeness import SHORT_WORDS

#: Words of an answer of which one phrase is little.
LEAST_WORDS = 20
_SAME = {
    "a large": "a big",
    "a big": "a large",
    "a small": "a little",
    "a couple of": "a pair of",
    "beside": "next to",
    "close to": "near",
    "image": "picture",
    "is holding": "holds",
    "is sitting": "sits",
    "is standing": "stands",
    "is wearing": "wears",
    "many": "a lot of",
    "near": "close to",
    "next to": "beside",
    "photo": "picture",
    "picture": "photo",
    "several": "a number of",
    "sits": "is sitting",
    "stands": "is standing",
    "there are": "one sees",
    "there is": "one sees",
}
_PHRASE = re.compile(rf"\b({'|'.join(sorted(_SAME, key=len, reverse=True))})\b", re.IGNORECASE)


def reworded(row: Row, *, least_words: int = LEAST_WORDS) -> list[Row] | None:
    """The messages with one phrase, drawn for the row, in other words: of its first answer of so many words that has
    one. None where none has. The phrases are English."""
    for place, _, answer in answered(row):
        phrases = list(_PHRASE.finditer(answer)) if len(answer.split()) >= least_words else []
        if phrases:
            match = drawn(row, "phrase", phrases)
            messages = list(row["messages"])
            text = f"{answer[: match.start()]}{_in_other_words(match)}{answer[match.end() :]}"
            messages[place] = saying(messages[place], text)
            return messages
    return None


def retold(row: Row) -> list[Row] | None:
    """The messages with all phrases of longer answers in other words; None where no answer has one."""
    before: list[Row] = row["messages"] or []
    messages = list(before)
    for place, _, answer in answered(row):
        if len(answer.split()) > SHORT_WORDS:
            messages[place] = saying(messages[place], _PHRASE.sub(_in_other_words, answer))
    return None if messages == before else messages


def _in_other_words(match: re.Match[str]) -> str:
    words = _SAME[match[0].lower()]
    return words.capitalize() if match[0][0].isupper() else words
