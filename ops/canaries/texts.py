"""Texts that are damaged: answers that say something false, that the question tells, that a field beside them has, or
that a judge's line follows. The words are these canaries' own; no audit and no demo has them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence

from ops.canaries.rows import Row, answered, answering, drawn, last_answer, marked, saying

#: What judges and reward models leave behind, after the published prompts of judges.
_TRACES = (
    "Rating: [[7]]",
    "Score: 4/5",
    "My final verdict is: [[B]]",
    "<|reward|> 0.82",
    "Response A is more accurate than response B.",
    "I would rate this answer 8 out of 10.",
)
_HINTS = (
    "{query} (Someone has looked already and says: {answer}.)",
    "Given that the solution is {answer}: {query}",
    "{query} Hint: {answer}.",
)
#: Each colour with others that nobody takes for it.
_COLOURS = {
    "red": ("blue", "green", "white"),
    "blue": ("red", "yellow", "brown"),
    "green": ("red", "purple", "white"),
    "yellow": ("blue", "purple", "black"),
    "black": ("white", "yellow", "red"),
    "white": ("black", "red", "green"),
    "brown": ("blue", "green", "white"),
    "pink": ("green", "black", "blue"),
    "purple": ("yellow", "green", "white"),
    "grey": ("red", "yellow", "green"),
    "gray": ("red", "yellow", "green"),
    "teal": ("red", "yellow", "pink"),
}
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_OBJECTS = (
    *("dog", "cat", "horse", "elephant", "bird", "car", "bus", "train", "boat", "bicycle", "pizza", "sandwich"),
    *("chair", "table", "bed", "laptop", "umbrella", "kite", "clock", "suitcase", "man", "woman", "child"),
)
_COLOUR = re.compile(rf"\b({'|'.join(_COLOURS)})\b", re.IGNORECASE)
_NUMBER = re.compile(rf"\b({'|'.join(_NUMBERS)})(?= [a-z]+(?:s|people|men|women|children)\b)", re.IGNORECASE)
_OBJECT = re.compile(rf"(?<=\ba )({'|'.join(_OBJECTS)})\b", re.IGNORECASE)
_LONGEST_NAME = 3  # words of an answer that names a thing
Others = Mapping[str, Sequence[str]]
"""By question, the answers that rows give to it, in order."""


def given_answer(row: Row) -> Row:
    """The last answer stands word for word in a field beside the conversation."""
    return marked(row, "given_answer") | {"metadata": json.dumps({"note": last_answer(row)})}


def reward_trace(row: Row) -> Row:
    """A judge's line follows the last answer."""
    trace = drawn(row, "trace", _TRACES)
    return marked(row, "reward_trace") | {"messages": answering(row, lambda answer: f"{answer}\n{trace}")}


def told_answers(row: Row) -> Row | None:
    """Each question tells its answer, in one way for the whole row; none of a row with an answer to no question."""
    turns = list(answered(row))
    if not turns or not all(query.strip() for _, query, _ in turns):
        return None
    messages = list(row["messages"])
    form = drawn(row, "told", _HINTS)
    for place, query, answer in turns:
        hinted = form.format(query=query.strip(), answer=answer.strip().rstrip("."))
        messages[place - 1] = saying(messages[place - 1], hinted)
    return marked(row, "blind_questions") | {"messages": messages}


def false_answer(row: Row, fault: str, others: Others) -> Row | None:
    """The first answer that says something of the fault's kind says another colour, number, thing, or the opposite;
    none of a row that says nothing of that kind. A thing is named by a whole answer, and then becomes what another row
    answers to the same question, or in a sentence."""
    for place, query, answer in answered(row):
        changed = _FALSIFIED[fault](row, answer, others.get(_asked(query), ()))
        if changed is not None:
            messages = list(row["messages"])
            messages[place] = saying(messages[place], changed)
            return marked(row, fault) | {"messages": messages}
    return None


def false_text(row: Row, text: str) -> str | None:
    """The text with the opposite, another number or another colour; None of one that says nothing of the kind."""
    changed = (_FALSIFIED[fault](row, text, ()) for fault in ("false_yes_no", "false_number", "false_colour"))
    return next((other for other in changed if other is not None), None)


def answers_by_question(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The short answers to each question, each once."""
    answers: dict[str, set[str]] = {}
    for row in rows:
        for _, query, answer in answered(row):
            if query and _names_thing(answer):
                answers.setdefault(_asked(query), set()).add(answer.strip())
    return {query: sorted(given) for query, given in answers.items()}


def _false_colour(row: Row, answer: str, _: Sequence[str]) -> str | None:
    match = _COLOUR.search(answer)
    return None if match is None else _replaced(answer, match, drawn(row, match[0], _COLOURS[match[0].lower()]))


def _false_number(row: Row, answer: str, _: Sequence[str]) -> str | None:
    whole = answer.strip().rstrip(".").lower()
    if whole.isdecimal() and len(whole) < 3:
        return str(int(whole) + drawn(row, "more", (1, 2, 3)))
    if whole in _NUMBERS:
        return _other(row, whole, _NUMBERS)
    match = _NUMBER.search(answer)
    return None if match is None else _replaced(answer, match, _other(row, match[0].lower(), _NUMBERS))


def _false_object(row: Row, answer: str, others: Sequence[str]) -> str | None:
    rivals = [other for other in others if other.lower() != answer.strip().lower()]
    if rivals and _names_thing(answer):
        return drawn(row, "object", rivals)
    match = _OBJECT.search(answer)
    return None if match is None else _replaced(answer, match, _other(row, match[0].lower(), _OBJECTS))


def _false_yes_no(_: Row, answer: str, __: Sequence[str]) -> str | None:
    return {"yes": "no", "no": "yes"}.get(answer.strip().rstrip(".!").lower())


_FALSIFIED: Mapping[str, Callable[[Row, str, Sequence[str]], str | None]] = {
    "false_colour": _false_colour,
    "false_number": _false_number,
    "false_object": _false_object,
    "false_yes_no": _false_yes_no,
}
FALSE = tuple(_FALSIFIED)
"""The faults of answers that say something false."""


def _asked(query: str) -> str:
    return " ".join(query.lower().split())


def _names_thing(answer: str) -> bool:
    """Whether a whole answer is a few words that are neither a colour, a number nor yes or no."""
    words = answer.strip().rstrip(".").lower().split()
    others = {*_COLOURS, *_NUMBERS, "yes", "no", "one", "zero", "none"}
    return 0 < len(words) <= _LONGEST_NAME and all(word.isalpha() and word not in others for word in words)


def _other(row: Row, word: str, choices: Sequence[str]) -> str:
    return drawn(row, word, [choice for choice in choices if choice != word])


def _replaced(text: str, match: re.Match[str], word: str) -> str:
    return f"{text[: match.start()]}{word}{text[match.end() :]}"
