"""Lists of tools as ms-swift and LLaMA-Factory write them; test_real_loaders holds both to the trainers."""

import json

from ops.preflight.tool_lists import factory_tools, swift_tools

TOOL = {"name": "zoom", "description": "näher"}


def test_a_list_of_tools_is_written_as_the_trainers_write_it() -> None:
    for write in (swift_tools, factory_tools):
        text = write(json.dumps([TOOL, {"type": "function", "function": TOOL}]))
        assert text is not None
        _, _, lines = text.partition("<tools>\n")
        listed = lines.partition("\n</tools>")[0].split("\n")
        assert [json.loads(line) for line in listed] == [{"type": "function", "function": TOOL}] * 2
        assert "näher" in text
        assert write("[]") == ""


def test_a_list_that_is_broken_is_none() -> None:
    assert [factory_tools(text) for text in ("zoom", "[1]", json.dumps(TOOL), "1")] == [None] * 4
    assert [swift_tools(given) for given in ("zoom", "[1]", "", "null")] == [None] * 4
    single = swift_tools(json.dumps(TOOL))
    assert single is not None
    assert single == swift_tools([TOOL]) == swift_tools([json.dumps(TOOL)])
