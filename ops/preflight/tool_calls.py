"""Calls of tools as Qwen's template writes them in an answer (swift/agent_template/hermes.py, `_format_tool_calls`)."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ops.core.json_values import Cell
from ops.preflight.contract import Turn
from ops.preflight.records import text_parts

CALL = "tool_call"


def with_calls_written(turns: Sequence[Turn]) -> list[Turn] | None:
    """The turns with each run of calls as one answer; None where one cannot be read as a call. Whether the answer
    carries loss, its first call says."""
    written: list[Turn] = []
    for is_call, run in groupby(turns, lambda turn: turn.role == CALL):
        if not is_call:
            written += run
            continue
        calls = list(run)
        texts = [_call(turn.marked_text) for turn in calls]
        if None in texts:
            return None
        parts = text_parts("\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in texts))
        written.append(replace(calls[0], role="assistant", parts=parts))
    return written


def _call(text: str) -> str | None:
    """The call as it is written; None where the text names no tool, or no arguments."""
    given = _parsed(text)
    if not isinstance(given, Mapping) or "name" not in given:
        return None
    arguments = given.get("arguments")
    arguments = _parsed(given.get("parameters") if arguments is None else arguments)
    return (
        None if arguments is None else json.dumps({"name": given["name"], "arguments": arguments}, ensure_ascii=False)
    )


def _parsed(text: Cell) -> Cell:
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
