"""Never a judged answer as a target: what every row is asked before any format's reading of it is believed.

A row whose fields say how good an answer is must not become an SFT example because its file's format does not know
these fields. So an SFT row is refused (`ambiguous_judgement`) where a field of the family stands beside it, in one of
its turns, or in JSON that it takes for a text, and where another format reads a judgement in it. A preference row is
refused where a field that judges responses in a known format is left unread, or two formats judge it differently; so is
a prompt, of which no response is a target, where another format reads a label or a choice in it. An SFT row whose
answer is nothing but the ground truth beside it is refused as well (`ambiguous_truth`): it may be a prompt of RL."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import orjson

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.intake.row import Row, RowError

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FAMILY = re.compile(
    r"(?:kto|chosen|rejected|rewards?|scores?|ratings?|preferred|preferences?)(?:_.*)?|labels?|helpfulness|correctness"
    r"|(?:dispreferred|non_preferred)(?:_.*)?|negative_(?:messages|responses?|answers?|outputs?|completions?)"
    r"|is_(?:chosen|rejected|preferred|correct|good|bad|safe|accepted)"
)
_SIDES = re.compile(
    r"kto_tag|(?:chosen|rejected)(?:_(?:responses?|messages|images|objects|answers?|outputs?|completions?|texts?))?"
)
_TRUTH = re.compile(r"ground_truths?|gt(?:_answer)?|solutions?|(?:expected|reference|final)_answer")
_KEPT_CHARACTERS = 2000
_CONVERSATIONS = ("messages", "conversations", "conversation", "prompt", "completion", "response")


def check_judgements(
    row: Row, record: Fields, form: Format, *, others: Iterable[Format], ignored: Iterable[str] = ()
) -> None:
    """Raises `RowError` where the row, as `form` reads it, hides a judgement. `others` are the formats that may claim
    the record as well; none where the drop's sender named the format. `ignored` fields judge nothing, those of a turn
    by the names that the refusal gives them (`messages.score`)."""
    _check_truth(row, record, ignored)
    unread = sorted(set(_unread(row, record)) - set(ignored))
    rivals = sorted(
        other.name for other in others if _may_judge(other, record) and _reads_otherwise(other, record, row)
    )
    if not unread and not rivals:
        return
    left = f"{', '.join(unread)[:200]}: not read by {form.name}" if unread else f"{form.name} and others claim the row"
    claimed = f"; {', '.join(rivals)} would read a judgement" if rivals else ""
    ways = [f"format: {{FILE: {rivals[0] if unread else form.name}}} names its format"] if rivals else []
    ways += [f"ignore_fields: {{FILE: [{', '.join(unread)[:200]}]}} says that they judge nothing"] if unread else []
    raise RowError("ambiguous_judgement", f"{left}{claimed}; in drop.yaml, {', or '.join(ways)}")


def _check_truth(row: Row, record: Fields, ignored: Iterable[str]) -> None:
    if row.kind != "sft":
        return
    taught = {message.text.strip() for message in row.messages if message.role == "assistant"}
    for name in (name for name in _of_truths(tuple(record)) if name not in ignored):
        value = record[name]
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip() in taught:
            ways = f"`format` names a format of prompts, or ignore_fields: {{FILE: [{name}]}} says that it is an answer"
            raise RowError("ambiguous_truth", f"the answer is nothing but the row's {name}; in drop.yaml, {ways}")


@lru_cache(4096)
def _of_truths(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if len(name) < 100 and _TRUTH.fullmatch(_plain(name)))


def parsed(form: Format, record: Fields) -> Row:
    """The record as `form` reads it. What a format stumbles over, when a file holds a record of another shape than the
    rest, is a problem of that record alone."""
    try:
        return form.parse(record)
    except (AttributeError, LookupError, StopIteration, TypeError) as error:
        detail = f"no row of {form.name}: {type(error).__name__} {error}"[:200]
        raise RowError("field_type", detail) from None


def set_aside(record: Fields, ignored: Iterable[str]) -> tuple[dict[str, Cell], dict[str, Cell]]:
    """The record without the fields that judge nothing, as its sender says, and these. In a sample of a tar they are
    looked for in its `json` as well."""
    names = frozenset(ignored)
    aside: dict[str, Cell] = {name: value for name, value in record.items() if name in names and value is not None}
    left: dict[str, Cell] = {name: value for name, value in record.items() if name not in names}
    packed = left.get("json")
    if isinstance(left.get("__key__"), str) and isinstance(packed, bytes):
        try:
            body: Cell = orjson.loads(packed)
        except orjson.JSONDecodeError:
            return left, aside
        if isinstance(body, dict) and names & set(body):
            aside |= {name: value for name, value in body.items() if name in names and value is not None}
            left["json"] = orjson.dumps({name: value for name, value in body.items() if name not in names})
    return left, aside


def _unread(row: Row, record: Fields) -> Iterator[str]:
    if row.kind in ("preference", "prompt"):
        yield from (name for name, value in row.metadata.items() if _judges_responses(name) and _holds(value))
        return
    for source in (record, row.metadata):
        yield from (name for name in _judging(source) if _holds(source[name]))
    for name, value in record.items():
        if isinstance(value, str):
            if value.lstrip()[:1] == "{":
                yield from (f"{name}.{key}" for key in _sides(value))
        elif isinstance(value, list | tuple):
            if name in _CONVERSATIONS:
                yield from (f"{name}.{key}" for turn in value for key in _judged_turn(turn))
        elif isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in _sides(value))


def _judged_turn(turn: Cell) -> list[str]:
    """The fields of a turn that say how good it is."""
    if isinstance(turn, dict | Mapping):  # an exact type first: a Mapping is asked for at some cost
        return [key for key in _judging(turn) if _holds(turn[key])]
    return []


def _judging(record: Fields) -> tuple[str, ...]:
    """The fields of a record that say, by their names and in some format, how good an answer is. The rows of a file
    have the same few names, so the answer is kept, though not for names that a hostile file made long."""
    names = tuple(record)
    return _of_family(names) if sum(map(len, names)) <= _KEPT_CHARACTERS else _of_family.__wrapped__(names)


@lru_cache(4096)
def _of_family(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if _FAMILY.fullmatch(_plain(name)))


def _judges_responses(name: str) -> bool:
    """Whether a field of this name holds, in a known format, a response or its label."""
    return bool(_SIDES.fullmatch(_plain(name))) or _plain(name) in ("label", "labels")


def _sides(value: str | Fields) -> list[str]:
    """Fields of an object, perhaps written as JSON in a text, that hold the sides of a pair."""
    if isinstance(value, str):
        if "chosen" not in value and "rejected" not in value:
            return []
        try:
            value = orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return []
    if not isinstance(value, Mapping):
        return []
    return [str(key) for key, held in value.items() if _holds(held) and _SIDES.fullmatch(_plain(str(key)))]


def _may_judge(other: Format, record: Fields) -> bool:
    return other.judged_by is None or not other.judged_by.isdisjoint(record)


def _reads_otherwise(other: Format, record: Fields, row: Row) -> bool:
    """Whether the other format reads a judgement that this reading of the row does not have."""
    if not other.recognise(record):
        return False
    try:
        read = parsed(other, record)
    except RowError:
        return False
    if row.kind == "prompt" and all(judgement.label is None for judgement in read.judgements):
        return False  # scores of rollouts, which are no targets
    return read.kind == "preference" and set(read.judgements) != set(row.judgements)


def _plain(name: str) -> str:
    return re.sub(r"[\s.\-]+", "_", _CAMEL.sub("_", name)).lower().strip("_")


def _holds(value: Cell) -> bool:
    return fields.present(value) and not (isinstance(value, float) and math.isnan(value))
