"""Answers that stand in what came with their row: its metadata, its id, its file's name, its question."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.core.json_values import Json
from ops.core.turns import Turn, read_turns
from ops.text.closed_answers import closed_answer
from ops.text.numbers import figures
from ops.text.statements import make_statement


@dataclass(frozen=True, slots=True)
class FieldLeakSettings:
    """When an answer counts as standing in a field."""

    short_words: int = 5
    """Telling words up to which an answer must stand in order."""
    long_words: int = 5
    """Telling words from which the share that a field holds decides."""
    long_share: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.long_share <= 1 or min(self.short_words, self.long_words) < 1:
            raise ValueError(
                f"long_share must lie between 0 and 1 and the numbers of words be at least 1, but are "
                f"{self.long_share}, {self.short_words} and {self.long_words}"
            )


def _words(text: str) -> list[str]:
    return text.split()


_STOP = frozenset(
    _words(
        "a an the of in on at to and or is are was were be it its this that these those there with for from by as he "
        "she they his her their image picture photo photograph i you we"
    )
)
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CHOICE = re.compile(r"\bor\b|\b(?:options?|choices?)\b|(?:^|\s)\(?[A-H][.):]\s", re.IGNORECASE)
_SAME = {"gray": "grey"} | figures(12)
_MOST_CHARS = 4000
_MOST_FIELDS = 64
_AROUND = 4


@dataclass(frozen=True, slots=True)
class _Field:
    """Something that came with the row: its kind, its name, and its words as they stand and as they are compared."""

    source: str
    name: str
    spelt: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, source: str, name: str, text: str) -> "_Field":
        spelt = tuple(_WORD.findall(_CAMEL.sub(" ", text[:_MOST_CHARS])))
        kept = [(word, _plain(word)) for word in spelt if word.lower() not in _STOP]
        return cls(source, name, tuple(word for word, _ in kept), tuple(word for _, word in kept))


@dataclass(frozen=True, slots=True)
class _Find:
    """Where an answer was found best."""

    leaked: bool
    share: float
    field: _Field
    at: int


def find_leaks(examples: pa.Table, settings: FieldLeakSettings) -> Iterator[tuple[Turn, dict[str, Any]]]:
    """Each turn of an example that shows images, with what was found of its answer: `abstained` and `why`, or
    `is_leaked`, `containment` and, where any of its words was found, `source`, `field` and `evidence`."""
    looked_at = examples.select(["source_id", "metadata", "provenance", "image_ids"])
    at, example, fields = -1, {}, []
    for turn in read_turns(examples):
        if turn.row != at:
            at = turn.row
            example = looked_at.slice(at, 1).to_pylist()[0]
            fields = list(_fields(example)) if example["image_ids"] else []
        if example["image_ids"]:
            yield turn, _measured(turn, fields, settings)


def leak_of(example: pa.Table, turn: Turn, settings: FieldLeakSettings, *, but: Sequence[str] = ()) -> dict[str, Any]:
    """What was found of one turn's answer in what came with its example (a table of one row), as in `find_leaks`; the
    metadata's fields in `but` are not looked at."""
    row = example.select(["source_id", "metadata", "provenance"]).to_pylist()[0]
    fields = [field for field in _fields(row) if field.name.partition(".")[0] not in but]
    return _measured(turn, fields, settings)


def _plain(word: str) -> str:
    """The word in lower case and in its singular, as far as its ending tells; a number as figures."""
    word = word.lower()
    word = _SAME.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return word


def _fields(example: dict[str, Any]) -> Iterator[_Field]:
    try:
        metadata: Json = json.loads(example["metadata"] or "{}")
    except ValueError:
        metadata = {}
    if isinstance(metadata, dict):
        metadata.pop("boxes", None)  # the answer's own, as older readings list them
    for name, text in list(_leaves("", metadata))[:_MOST_FIELDS]:
        yield _Field.of("metadata", name, text)
    yield _Field.of("id", "source_id", example["source_id"] or "")
    yield _Field.of("file", "file", (example["provenance"] or {"file": ""})["file"] or "")


def _leaves(path: str, value: Json, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text and number of a JSON value with its path."""
    if isinstance(value, dict) and depth < 8:
        for key in sorted(value):
            yield from _leaves(f"{path}.{key}" if path else key, value[key], depth + 1)
    elif isinstance(value, list) and depth < 8:
        for inner in value:
            yield from _leaves(path, inner, depth + 1)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, str(value)


def _measured(turn: Turn, fields: Sequence[_Field], settings: FieldLeakSettings) -> dict[str, object]:
    why, telling = _telling(turn)
    if why:
        return {"abstained": True, "why": why}
    number = len(telling) == 1 and telling[0].isdigit()
    looked_at = [f for f in fields if f.words and not (number and (f.source != "metadata" or len(f.words) > 1))]
    if not number and not _CHOICE.search(turn.query):
        looked_at.append(_Field.of("question", "query", turn.query[-_MOST_CHARS:]))
    finds = [_find(telling, one, settings) for one in looked_at]
    best = max(finds, key=lambda find: (find.leaked, find.share), default=None)
    if best is None or not best.share:
        return {"abstained": False, "is_leaked": False, "containment": 0.0}
    around = best.field.spelt[max(0, best.at - _AROUND) : best.at + len(telling) + _AROUND]
    return {
        "abstained": False,
        "is_leaked": best.leaked,
        "source": best.field.source,
        "field": best.field.name,
        "containment": best.share,
        "evidence": " ".join(around[:40]),
    }


def _telling(turn: Turn) -> tuple[str, tuple[str, ...]]:
    """Why the answer cannot leak, or the words of it that tell something."""
    statement = make_statement(turn.query, turn.answer)
    if statement.uninformative:
        return statement.uninformative, ()
    closed = closed_answer(turn.answer)
    if closed and closed.kind == "yes_no":
        return "yes or no, which no field gives away", ()
    words = _Field.of("", "", closed.value if closed else turn.answer).words
    return ("", words) if words else ("no telling words", ())


def _find(telling: Sequence[str], field: _Field, settings: FieldLeakSettings) -> _Find:
    size = len(telling)
    places = {word: n for n, word in reversed(list(enumerate(field.words)))}
    held = [places[word] for word in telling if word in places]
    share = len(held) / size
    if size <= settings.short_words and share == 1:
        for n in range(len(field.words) - size + 1):
            if tuple(field.words[n : n + size]) == tuple(telling):
                return _Find(True, 1.0, field, n)
    leaked = size >= settings.long_words and share >= settings.long_share
    return _Find(leaked, share, field, min(held, default=0))
