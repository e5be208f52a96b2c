"""The list of the tools that a row says there are, as Qwen's template writes it behind a system prompt: by ms-swift
(swift/agent_template/hermes.py, `_format_tools`) and by LLaMA-Factory (data/tool_utils.py, `QwenToolUtils`)."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from ops.core.json_values import Cell, Fields
from ops.preflight.tool_calls import parsed

_BEFORE = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call>"
)


def swift_tools(tools: Cell) -> str | None:
    """The list as ms-swift writes it: a text of JSON, one tool or several, each a text again or an object. Empty where
    there are none; None where one is no object."""
    if isinstance(tools, str):
        with suppress(json.JSONDecodeError, RecursionError):
            tools = json.loads(tools)
    listed = tools if isinstance(tools, list | tuple) else [tools]
    return _written([parsed(tool) for tool in listed], lambda tool: "type" in tool or "function" in tool)


def factory_tools(tools: str) -> str | None:
    """The list as LLaMA-Factory writes it: a list in JSON. Empty where there are none; None where it is none."""
    try:
        listed: Cell = json.loads(tools)
    except (json.JSONDecodeError, RecursionError):
        return None
    if listed in ("", {}):
        return ""
    return _written(listed, lambda tool: tool.get("type") == "function") if isinstance(listed, list) else None


def _written(tools: Sequence[Cell], is_wrapped: Callable[[Fields], bool]) -> str | None:
    lines: list[str] = []
    for tool in tools:
        if not isinstance(tool, dict):
            return None
        whole: Fields = tool if is_wrapped(tool) else {"type": "function", "function": tool}
        lines.append(json.dumps(whole, ensure_ascii=False))
    return _BEFORE + "\n".join(lines) + _AFTER if lines else ""
