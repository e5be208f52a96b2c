"""What the formats share: fields that must be there, roles, `<image>` placeholders, images in their many shapes."""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from ops.core.json_values import Cell, Fields
from ops.intake.row import ImageRef, Message, Part, RowError

PLACEHOLDER = "<image>"
_ROLES = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "observations": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
_SHOWN_ROLES = ("user", "tool")
_GOOD = ("true", "1", "1.0", "good", "desirable", "positive", "correct", "accepted")
_BAD = ("false", "0", "0.0", "bad", "undesirable", "negative", "incorrect", "rejected", "-1")
_LABELS = {**dict.fromkeys(_GOOD, "good"), **dict.fromkeys(_BAD, "bad")}


def text_field(fields: Fields, name: str) -> str:
    """A field that must be text."""
    value = fields.get(name)
    if value is None:
        raise RowError("field_missing", name)
    if not isinstance(value, str):
        raise RowError("field_type", f"{name} is {_kind(value)}, not text")
    return value


def list_field(fields: Fields, name: str) -> list[Cell]:
    """A field that must be a list."""
    value = fields.get(name)
    if value is None:
        raise RowError("field_missing", name)
    if not isinstance(value, list | tuple):
        raise RowError("field_type", f"{name} is {_kind(value)}, not a list")
    return list(value)


def id_field(fields: Fields, *names: str) -> str | None:
    """The row's own id as text, from the first of these fields that has one."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool | None) or (isinstance(value, float) and not math.isfinite(value)):
            continue
        if isinstance(value, str | int | float) and str(value):
            return str(value)
    return None


def number(value: Cell) -> float:
    """A finite number, also where it is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise RowError("rating_invalid", f"{_kind(value)} is not a number")
    try:
        result = float(value)
    except ValueError:
        raise RowError("rating_invalid", f"{str(value)[:80]!r} is not a number") from None
    except OverflowError:
        raise RowError("rating_invalid", "a number beyond the range of a double") from None
    if not math.isfinite(result):
        raise RowError("rating_invalid", f"{str(value)[:80]!r} is not a finite number")
    return result


def is_label(value: Cell) -> bool:
    """Whether a value says good or bad; a class of a classification (`7`, `cat`) says neither."""
    return str(value).strip().lower() in _LABELS


def label(value: Cell, name: str = "label") -> str:
    """`good` or `bad`, as the label of a judged response says it."""
    judged = _LABELS.get(str(value).strip().lower())
    if judged is None:
        detail = (
            f"{name} {str(value)[:80]!r} says neither good nor bad; if it is no judgement: ignore_fields in drop.yaml"
        )
        raise RowError("rating_invalid", detail)
    return judged


def present(value: Cell) -> bool:
    """Whether a field holds anything: a table gives every row all columns, null or empty where a row has none."""
    return value is not None and not (isinstance(value, str | bytes | list | tuple | Mapping) and len(value) == 0)


def annotator(value: Cell) -> str | None:
    """Who judged, as text."""
    if value is None or isinstance(value, str):
        return value
    unnamed = isinstance(value, float) and not math.isfinite(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or unnamed:
        raise RowError("field_type", f"annotator is {_kind(value)}, not text")
    return str(value)


def rest(fields: Fields, *used: str) -> dict[str, Cell]:
    """The fields that the format does not read, kept as metadata."""
    return {key: value for key, value in fields.items() if key not in used and value is not None}


def role(value: Cell) -> str:
    """The role by which the lake knows what a data set calls `value`."""
    known = _ROLES.get(value.strip().lower().replace("-", "_")) if isinstance(value, str) else None
    if known is None:
        raise RowError("unknown_role", str(value)[:80])
    return known


def images(value: Cell) -> tuple[ImageRef, ...]:
    """Images of a field that holds none, one, or a list of them."""
    if value is None or value == "":
        return ()
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(image(item) for item in items)


def image(value: Cell) -> ImageRef:
    """One image: a path, bytes, a struct of `bytes` and `path` (the Image feature of Hugging Face datasets), an
    object with a `url`, or a base64 data URL."""
    if isinstance(value, str):
        return _data_url(value) if value.startswith("data:") else ImageRef(value)
    if isinstance(value, bytes):
        return ImageRef(data=value)
    if isinstance(value, Mapping):
        texts = (value.get(key) for key in ("path", "url", "file_name", "image"))
        path = next((text for text in texts if isinstance(text, str)), "")
        data = value.get("bytes")
        if isinstance(data, bytes):
            return ImageRef(path, data)
        if path:
            return image(path)
    raise RowError("field_type", f"an image is {_kind(value)}, not a path or bytes")


def turns(messages: Sequence[tuple[str, str]], count: int, *, implicit: bool = False) -> tuple[Message, ...]:
    """Messages of (role, text), with the `<image>` placeholders of the questions in place of `count` images in order.

    `implicit` formats name no placeholders: there, images without any go before the first question. A literal
    `<image>` inside a sentence stays text where the placeholders on lines of their own account for all images.
    """
    places = [i for i, (who, _) in enumerate(messages) if who in _SHOWN_ROLES]
    total = sum(messages[i][1].count(PLACEHOLDER) for i in places)
    alone = sum(_lines_alone(messages[i][1]) for i in places)
    if total == count:
        return _filled(messages, literal=False)
    if alone == count:
        return _filled(messages, literal=True)
    if implicit and total == 0:
        return first_images([Message(who, _texts(text)) for who, text in messages], range(count))
    raise RowError("placeholder_mismatch", f"{total} placeholders, {count} images")


def first_images(messages: Sequence[Message], numbers: Iterable[int]) -> tuple[Message, ...]:
    """The messages with these images put before the first question."""
    built = list(messages)
    index = next((i for i, m in enumerate(built) if m.role == "user"), None)
    pictures = tuple(Part(image=n) for n in numbers)
    if index is None and pictures:
        raise RowError("placeholder_mismatch", f"{len(pictures)} images and no question")
    if index is not None:
        built[index] = Message("user", (*pictures, *built[index].parts))
    return tuple(built)


def json_object(value: Cell, name: str) -> dict[str, Cell]:
    """An object, also where it is written as JSON in a string."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise RowError("json_invalid", f"the JSON in {name}: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise RowError("field_type", f"{name} is {_kind(value)}, not an object")
    return value


def _texts(text: str) -> tuple[Part, ...]:
    return (Part(text),) if text else ()


def _lines_alone(text: str) -> int:
    return sum(line.strip() == PLACEHOLDER for line in text.split("\n"))


def _filled(messages: Sequence[tuple[str, str]], *, literal: bool) -> tuple[Message, ...]:
    number = 0
    built: list[Message] = []
    for who, text in messages:
        if who not in _SHOWN_ROLES or PLACEHOLDER not in text:
            built.append(Message(who, _texts(text)))
            continue
        parts: list[Part] = []
        for index, piece in enumerate(_pieces(text, literal=literal)):
            if index:
                parts.append(Part(image=number))
                number += 1
            parts += _texts(piece)
        built.append(Message(who, tuple(parts)))
    return tuple(built)


def _pieces(text: str, *, literal: bool) -> list[str]:
    """What stands before, between and after the placeholders, without the line break that sets each off."""
    if not literal:
        split = text.split(PLACEHOLDER)
        after = [split[0], *(piece.removeprefix("\n") for piece in split[1:])]
        return [*(piece.removesuffix("\n") for piece in after[:-1]), after[-1]]
    pieces: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() == PLACEHOLDER:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return ["\n".join(piece) for piece in pieces]


def _data_url(value: str) -> ImageRef:
    head, _, body = value.partition(",")
    if not head.endswith(";base64"):
        raise RowError("image_url", head[:80])
    try:
        return ImageRef(data=base64.b64decode(body, validate=True))
    except binascii.Error as error:
        raise RowError("image_undecodable", f"base64: {error}") from None


def _kind(value: Cell) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else f"a {type(value).__name__}")
