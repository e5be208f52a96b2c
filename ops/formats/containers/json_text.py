"""Parsing one JSON record, whatever is wrong with it."""

import json
import re

import orjson

from ops.core.json_values import Cell, items_of
from ops.formats.containers.contract import Record
from ops.formats.containers.framing import Frame

_MAX_DEPTH = 100
# Nineteen digits in a row, found ten times faster than by a regular expression: all digits become zeros first.
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


# What may stand before the first element: an opening bracket, perhaps below keys of an object whose other values so
# far are plain (`{"version": 2, "data": [`).
_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,1000}"|[-+.\w]{1,40})'
_OPENING = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*(?:"(?:[^"\\]|\\.){1,100}"\s*:\s*' + _SCALAR + rb"\s*,\s*){0,20}"
    rb'"(?:[^"\\]|\\.){1,100}"\s*:\s*\[(?=\s*[\{\]]))'
)
_ROW_KEYS = re.compile(rb'"(?:conversations|messages|images?|prompt|chosen|completions)"\s*:\s*\[\Z')


def opening(head: bytes) -> int | None:
    """Where the elements of the array of rows begin, if the file is one, or an object that holds one."""
    match = _OPENING.match(head)
    return None if match is None or _ROW_KEYS.search(match[0]) else match.end()


def record(frame: Frame, *, row: int, data: bytes) -> Record:
    """The record in a frame; `data` is the frame's bytes without what only separates records."""
    if frame.large:
        return Record(row, raw=frame.data, problem=("row_too_large", f"starts {frame.data[:80]!r}"))
    try:
        value = parse(data)
    except UnicodeDecodeError as error:
        return Record(row, raw=data, problem=("encoding", f"byte {error.start}: {error.reason}"))
    except RecursionError:
        return Record(row, raw=data, problem=("too_deep", "nested too deeply to be read"))
    except ValueError as error:
        return Record(row, raw=data, problem=("json_invalid", str(error)[:200]))
    if not isinstance(value, dict):
        return Record(row, raw=data, problem=("not_an_object", f"a JSON {type(value).__name__}"))
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH < _depth(value):
        return Record(row, raw=data, problem=("too_deep", f"more than {_MAX_DEPTH} levels"))
    return Record(row, value, data)


def parse(data: bytes) -> Cell:
    """A JSON value. orjson reads nearly everything; what it refuses or would change (NaN, lone surrogates, integers
    beyond 64 bits) goes to the slower parser, which also takes them."""
    if _LONG_NUMBER not in data.translate(_ZEROS):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    return json.loads(data.decode("utf-8"))


def _depth(value: Cell) -> int:
    depth = 0
    level: list[Cell] = [value]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else items_of(item))
            if isinstance(child, dict | list)
        ]
    return depth
