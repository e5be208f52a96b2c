"""Calls of tools as Qwen's template writes them in an answer: by ms-swift (swift/agent_template/hermes.py,
`_format_tool_calls`) and by LLaMA-Factory (data/formatter.py, `FunctionFormatter`)."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ops.core.json_values import Cell, fields_of
from ops.preflight.contract import Turn
from ops.preflight.records import text_parts

CALL = "tool_call"


def with_calls_written(turns: Sequence[Turn]) -> list[Turn] | None:
    """The turns with each run of calls as one answer, as ms-swift writes them; None where one cannot be read as a call.
    Whether the answer carries loss, its first call says."""
    written: list[Turn] = []
    for is_call, run in groupby(turns, lambda turn: turn.role == CALL):
        if not is_call:
            written += run
            continue
        calls = list(run)
        texts = [text for turn in calls if (text := _call(turn.marked_text)) is not None]
        if len(texts) < len(calls):
            return None
        written.append(replace(calls[0], role="assistant", parts=text_parts("\n".join(texts))))
    return written


def with_list_written(turn: Turn) -> Turn | None:
    """A message of one call, or of a list of them, as LLaMA-Factory writes it; None where it is none."""
    try:
        given: Cell = json.loads(turn.marked_text)
    except (json.JSONDecodeError, RecursionError):
        return None
    calls = [fields_of(call) for call in (given if isinstance(given, list) else [given])]
    if not all("name" in call and "arguments" in call for call in calls):
        return None
    texts = [_written(call["name"], call["arguments"]) for call in calls]
    return replace(turn, parts=text_parts("\n".join(texts)))


def _written(name: Cell, arguments: Cell) -> str:
    call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"


def _call(text: str) -> str | None:
    """The call as it is written; None where the text names no tool, or no arguments."""
    given = parsed(text)
    if not isinstance(given, Mapping) or "name" not in given:
        return None
    arguments = given.get("arguments")
    arguments = parsed(given.get("parameters") if arguments is None else arguments)
    return None if arguments is None else _written(given["name"], arguments)


def parsed(text: Cell) -> Cell:
    """What a text of JSON, or of Python's literals, says; None where it is neither."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
