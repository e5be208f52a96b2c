"""What the rationales that come with preference data say of a response's rating or place, in words that can be told for
certain: a rating out of a scale, or that the chosen response is the worse one. The words are English; a rationale in
another language states nothing, for its rules of what a number means are not known ("3/10" may be a date)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ops.core.json_values import Json
from ops.text.language import is_english

_FIELD = re.compile(r"rationale|critique|explanation|justification|reasoning|feedback|comment", re.IGNORECASE)
MENTIONS = f"(?i){_FIELD.pattern}"
"""In a row's metadata, as JSON, where there may be a rationale."""
_NUMBER = r"(\d{1,3}(?:\.\d{1,3})?)"
_OUT_OF = re.compile(rf"\b{_NUMBER} ?(?:/|out of) ?(4|5|7|10|100)\b(?! ?(?:of|images?|people|objects?))", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:rating|score|grade)\b(?: (?:it|this|here))?(?: (?:is|of|as|at)|:|=){1,2} ?" + _NUMBER + r"(?![\d.]*\d|%)",
    re.IGNORECASE,
)
_GOOD = r"(?:better|superior|preferable|more (?:accurate|correct|helpful|faithful))"
_BAD = r"(?:worse|inferior|less (?:accurate|correct|helpful|faithful))"
_CHOSEN = r"(?:chosen|preferred) (?:response|answer|one)"
_REJECTED = r"(?:rejected|dispreferred) (?:response|answer|one)"
_SIDES = re.compile(r"chosen|rejected", re.IGNORECASE)
_AGAINST = re.compile(
    rf"\b{_CHOSEN} (?:is|was|seems) (?:\w+ )?{_BAD}\b|\b{_REJECTED} (?:is|was|seems) (?:\w+ )?{_GOOD}\b", re.IGNORECASE
)
_RATINGS = ("rating", "score")
_WHO = ("annotator", "annotator_id")
_DEEPEST = 6
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Stated:
    """What a rationale says of the response at `place`, of the one chosen or rejected, or of the row as a whole (None):
    the `rating`, of `scale` where it says so; the rating that stands beside it in the same object (`beside`), and whose
    it is. `against` is true where it says that the rejected response is the better one."""

    place: int | str | None
    rating: float | None = None
    scale: float | None = None
    beside: float | None = None
    annotator: str | None = None
    against: bool = False


def rationales(metadata: str | None) -> Iterator[Stated]:
    """What the rationales in a row's metadata (JSON, as ingest keeps it) state; nothing where it is vague, or states
    several different ratings."""
    try:
        fields: Json = json.loads(metadata or "null")
    except ValueError:
        return
    if not isinstance(fields, dict):
        return
    responses = fields.get("responses")
    for place, item in enumerate(responses if isinstance(responses, list) else ()):
        yield from _stated(item, place, None, _DEEPEST)
    yield from _stated({name: value for name, value in fields.items() if name != "responses"}, None, None, _DEEPEST)


def _stated(item: Json, place: int | str | None, annotator: str | None, depth: int) -> Iterator[Stated]:
    if isinstance(item, list) and depth:
        for inner in item:
            yield from _stated(inner, place, annotator, depth - 1)
    if not isinstance(item, dict) or not depth:
        return
    own = {name.lower(): value for name, value in item.items()}
    annotator = next((str(own[name]) for name in _WHO if own.get(name) is not None), annotator)
    beside = next((_number(own[name]) for name in _RATINGS if own.get(name) is not None), None)
    for name, value in item.items():
        named = _SIDES.search(name)
        of = named[0].lower() if named and place is None else place
        if isinstance(value, str) and _FIELD.search(name):
            yield from _read(value[:_LONGEST], Stated(of, beside=beside, annotator=annotator))
        elif isinstance(value, dict | list):
            yield from _stated(value, of, annotator, depth - 1)


def _read(text: str, stated: Stated) -> Iterator[Stated]:
    out_of = {(float(rating), float(scale)) for rating, scale in _OUT_OF.findall(text)}
    ratings = out_of or {(float(rating), None) for rating in _NAMED.findall(text)}
    is_against = _AGAINST.search(text) is not None
    if not (len(ratings) == 1 or is_against) or not is_english(text):
        return
    if len(ratings) == 1:
        rating, scale = ratings.pop()
        if scale is None or rating <= scale:
            yield Stated(stated.place, rating, scale, stated.beside, stated.annotator)
    if is_against:
        yield Stated(stated.place, annotator=stated.annotator, against=True)


def _number(value: Json) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (OverflowError, ValueError):
        return None
