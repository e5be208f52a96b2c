"""Row checks: the order of turns, repairs, and the table of reasons."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.identity import canonical_json
from ops.core.printable import printable, printable_json, unfit_name
from ops.formats.page import with_reference
from ops.intake.reasons import REASONS
from ops.intake.row import ImageRef, Judgement, Message, Part, Row, RowError
from ops.intake.rows import IngestSettings, check_row, raw_text, readable, whole_query

ROLES = st.sampled_from(["system", "user", "assistant", "tool", "context"])
MESSAGES = st.lists(
    st.builds(
        Message,
        role=ROLES,
        parts=st.lists(st.builds(Part, text=st.text(max_size=6)) | st.just(Part(image=0)), max_size=2).map(tuple),
    ),
    max_size=6,
).map(tuple)
REPAIRED = IngestSettings(repairs=tuple(code for code, reason in REASONS.items() if reason.repair))


def message(role: str, *parts: str | int) -> Message:
    return Message(role, tuple(Part(image=p) if isinstance(p, int) else Part(p) for p in parts))


@given(messages=MESSAGES, settings=st.sampled_from([IngestSettings(), REPAIRED]))
@settings(deadline=None)
def test_a_row_is_sound_or_has_a_known_reason(messages: tuple[Message, ...], settings: IngestSettings):
    row = Row(kind="sft", messages=messages)
    reason, checked = "", row
    try:
        checked = check_row(row, settings)
    except RowError as error:
        reason = error.reason
    if reason:
        assert reason in REASONS
        return
    roles = [m.role for m in checked.messages if m.role != "system"]
    assert roles[0] == "user"
    assert roles[-1] in ("assistant", "context")
    assert "assistant" in roles, "something is learned"
    assert all(a != b or a in ("tool", "context") for a, b in pairwise(roles))
    assert all(m.text.strip() for m in checked.messages if m.role == "assistant")
    assert check_row(checked, settings) == checked, "a checked row is left alone"
    assert set(checked.repairs) <= set(settings.repairs)
    if checked.messages != messages:
        assert checked.repairs
    images = sum(p.image is not None for m in messages for p in m.parts)
    assert sum(p.image is not None for m in checked.messages for p in m.parts) == images


def test_repairs_are_done_only_where_the_settings_say_so():
    messages = (
        message("assistant", "Hello!"),
        message("user", "What"),
        message("user", 0, "is it?\x00"),
        message("assistant", "A cat."),
        message("user", "Thanks"),
    )
    row = Row(kind="sft", messages=messages)
    with pytest.raises(RowError, match="control_characters"):
        check_row(row, IngestSettings())
    checked = check_row(row, IngestSettings(repairs=("control_characters", "turn_order")))
    assert checked.repairs == ("control_characters", "turn_order")
    assert [m.role for m in checked.messages] == ["user", "assistant"]
    assert checked.messages[0].text == "What\nis it?"


JUDGED = Row(
    kind="preference",
    source_id="a",
    dataset="d",
    messages=(message("user", "What?"), message("response", "A cat.")),
    judgements=(Judgement("A cat.", "good", annotator="kim"),),
    images=(ImageRef("a.png"),),
)


def renamed(field: str, text: str) -> Row:
    if field == "annotator":
        return replace(JUDGED, judgements=(replace(JUDGED.judgements[0], annotator=text),))
    return replace(JUDGED, images=(ImageRef(text),)) if field == "image" else replace(JUDGED, **{field: text})


@pytest.mark.parametrize("field", ["source_id", "dataset", "annotator", "image"])
@pytest.mark.parametrize("half", ["\ud800", "x\udcff.png"])
def test_half_a_surrogate_pair_is_found_in_every_field(field: str, half: str):
    with pytest.raises(RowError, match="encoding"):
        check_row(renamed(field, half), IngestSettings())


@pytest.mark.parametrize("field", ["source_id", "dataset", "annotator"])
@pytest.mark.parametrize("escape", ["\x1b[2J", "\x1b]8;;http://x\x07y", "\x9b31m", "\x00", "\r", "\u202e"])
def test_what_a_terminal_obeys_is_kept_out_of_names(field: str, escape: str):
    row = renamed(field, f"a{escape}b")
    with pytest.raises(RowError, match="control_characters"):
        check_row(row, IngestSettings())
    mended = check_row(row, IngestSettings(repairs=("control_characters",)))
    assert unfit_name(f"{mended.source_id}{mended.dataset}{mended.judgements[0].annotator}") is None
    assert mended.repairs == ("control_characters",)


@given(text=st.text(st.characters(exclude_categories=[]), max_size=30))
def test_what_is_printable_stays_as_it_is(text: str):
    printed = printable(text)
    assert unfit_name(printed) is None
    assert printable(printed) == printed
    assert json.loads(printable_json(json.dumps(text, ensure_ascii=False))) == text
    if unfit_name(text) is None:
        assert printed == text


def test_metadata_is_json_whatever_numbers_it_holds():
    made = canonical_json(readable({"a": float("nan"), "b": [float("-inf")], "c": 1.5}))
    assert orjson.loads(made) == {"a": "nan", "b": ["-inf"], "c": 1.5}


def test_a_repair_never_loses_an_image():
    row = Row(kind="sft", messages=(message("user", "a"), message("assistant", "b"), message("user", 0)))
    with pytest.raises(RowError, match="turn_order"):
        check_row(row, IngestSettings(repairs=("turn_order",)))


@pytest.mark.parametrize("code", ["image_missing", "no such code"])
def test_only_what_can_be_repaired_may_be_asked_for(code: str):
    with pytest.raises(ValueError, match=f"nothing repairs {code}; repairable are control_characters, "):
        IngestSettings(repairs=(code,))


def test_every_code_in_the_sources_is_in_the_table_and_the_other_way_round():
    root = Path(__file__).parents[3]
    sources = [*(root / "ops").rglob("*.py"), *(root / "resources" / "intake").rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources if path.name != "reasons.py")
    raised = set(re.findall(r'(?:RowError|accept)\(\s*"(\w+)"', text))
    assert raised <= set(REASONS)
    assert not [code for code in REASONS if f'"{code}"' not in text]


def test_what_was_asked_is_the_same_whether_the_turns_before_it_carried_loss():
    asked = [("user", "Is it a dog?"), ("assistant", "Yes."), ("user", "Sure?"), ("chosen", "No.")]
    turns = [("context" if role == "assistant" else role, text) for role, text in asked]
    assert whole_query(turns) == whole_query(asked) == "user: Is it a dog?\nassistant: Yes.\nuser: Sure?"


def test_raw_rows_are_kept_as_text_and_bounded():
    assert raw_text(None, b'{"a": \xff}', limit=100) == '{"a": \\xff}'
    assert raw_text({"image": b"abc", "n": [b""]}, None, limit=500).startswith('{"image":{"bytes":3,"sha256":"ba7816')
    assert raw_text(None, b"x" * 1000, limit=10) == "x" * 10 + "... (990 bytes more)"


def test_the_page_shows_the_formats_and_reasons_there_are():
    page = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text("utf-8")
    assert with_reference(page) == page, "run `python -m ops.formats.page docs/ingest.md`"
    assert all(f"| `{code}` |" in page for code in REASONS)
