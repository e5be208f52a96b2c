"""Rows as the trainers document them (ms-swift's custom datasets, LLaMA-Factory's data and its v1, TRL's dataset
formats), with texts of our own: what a trainer would teach of a row, and nothing else, is a target."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from ops.formats.boxes import with_boxes
from ops.formats.judgements import parsed
from ops.formats.registry import all_formats, format_of, reading, trusting
from ops.intake.row import Row, RowError
from ops.intake.rows import IngestSettings, check_row
from tests.support.examples import examples
from tests.support.judged_rows import JUDGED, REJECTED, packed
from tests.support.trainer_rows import ASK, CAT, DOG, TALK, TRAINERS, V1_ASK, text, v1


def read(record: dict[str, Any], **how: Any) -> tuple[str, Row]:
    form = format_of([record], ignored=how.get("ignored", ()))
    assert form
    return form.name, with_boxes(check_row(reading(form.name, **how).parse(record), IngestSettings()))


@pytest.mark.parametrize(("form", "record", "expected"), [c[1:] for c in TRAINERS], ids=[c[0] for c in TRAINERS])
def test_a_documented_row_is_read_as_its_trainer_reads_it(form: str, record: dict[str, Any], expected: str):
    form_read, row = read(record)
    assert (form_read, text(row)) == (form, expected)
    columns = dict.fromkeys(("kto_tag", "label", "rejected_response", "rejected_images", "videos", "objects"))
    form_read, row = read({**columns, **record})
    assert (form_read, text(row)) == (form, expected), "a table gives every row all columns"


def judged(row: Row) -> list[tuple[Any, ...]]:
    return [(j.response, j.label, j.opponent) for j in row.judgements]


def test_labels_and_pairs_say_what_the_trainer_says():
    assert judged(read({"messages": [ASK, DOG], "images": ["a.jpg"], "label": False})[1]) == [("A dog.", "bad", None)]
    assert judged(read({"conversations": TALK, "kto_tag": True})[1]) == [("A cat.", "good", None)]
    pair = [("A cat.", "chosen", "A dog."), ("A dog.", "rejected", "A cat.")]
    swift = {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_response": "A dog.", "margin": 0.4}
    assert judged(read(swift)[1]) == pair
    assert read(swift)[1].metadata == {"margin": 0.4}
    assert judged(read({"messages": [ASK], "chosen": CAT, "rejected": DOG, "image": "a.jpg"})[1]) == pair


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASK, DOG | {"loss_scale": 0.5}], "images": ["a.jpg"], "label": False},
        {"messages": [ASK, CAT], "rejected_messages": [ASK, DOG | {"loss_scale": 0.5}], "images": ["a.jpg"]},
        {"messages": [ASK, CAT], "rejected_response": [DOG | {"loss_scale": 0.5}], "images": ["a.jpg"]},
        {"chosen_messages": [V1_ASK, v1("A cat.", 0.5)], "rejected_messages": [V1_ASK, v1("A dog.")]},
        {"prompt": [ASK], "chosen": [CAT], "rejected": [DOG | {"loss_weight": 0.5}], "images": ["a.jpg"]},
    ],
    ids=["kto", "rejected_messages", "rejected_response", "chosen_messages", "preferences"],
)
def test_the_weight_of_a_judged_answer_is_kept(record: dict[str, Any]):
    assert sorted(message.loss or 0.0 for message in read(record)[1].messages)[-1] == 0.5


def test_what_roles_and_texts_do_not_say_is_metadata():
    row = read({"messages": [ASK, CAT | {"loss_weight": 0.5}], "images": ["a.jpg"], "tools": "[]", "channel": "pets"})[
        1
    ]
    assert row.metadata == {"tools": "[]", "channel": "pets"}


@pytest.mark.parametrize(
    ("beside", "loss"),
    [
        ({"loss_weight": 0.5}, 0.5),
        ({"loss": True, "loss_scale": 0.5}, 0.5),
        ({"loss": True, "loss_scale": 2}, 2.0),
        ({"loss_scale": 1.0}, None),
        ({"train": True}, None),
    ],
)
def test_an_answer_has_the_weight_that_its_trainer_gives_it(beside: dict[str, Any], loss: float | None):
    for turns in ({"messages": [ASK, CAT | beside]}, {"conversations": [ASK, CAT | beside]}):
        assert [message.loss for message in read({**turns, "images": ["a.jpg"]})[1].messages] == [None, loss]


def test_a_question_that_is_learned_says_so_where_its_trainer_would_learn_it():
    losses = {"loss_weight": 1.0}, {"train": True}, {"loss": True}, {"loss_scale": 2.0}, {"weight": 1}
    rows = [read({"messages": [ASK | beside, CAT], "images": ["a.jpg"]})[1] for beside in losses]
    assert [row.messages[0].loss for row in rows] == [1.0, 1.0, None, None, None]


def test_pieces_of_an_answer_go_on_where_the_one_before_left_off():
    pieces = [CAT | {"content": "A ", "loss_scale": 2}, CAT | {"content": "cat.", "loss_scale": 2}]
    row = read({"messages": [ASK, *pieces, CAT | {"content": " Sure.", "loss": True}], "images": ["a.jpg"]})[1]
    assert text(row) == "user: <0>What is this? | assistant*2: A cat. | assistant:  Sure."


def box(message: int | None, numbers: list[float], convention: str | None = "pixels", image: int | None = 0) -> Any:
    return message, image, tuple(numbers), convention


def boxes_of(row: Row) -> list[Any]:
    """The row's boxes; each is where it says that it stands."""
    for image_box in row.boxes:
        if image_box.message is not None:
            numbers = re.findall(r"-?[\d.]+", row.messages[image_box.message].text[image_box.start : image_box.end])
            assert tuple(map(float, numbers)) == image_box.numbers
    return [box(one.message, list(one.numbers), one.convention, one.image) for one in row.boxes]


def test_boxes_are_kept_typed_whatever_their_syntax():
    answer = {"role": "assistant", "content": "<bbox> and <bbox>"}
    row = {"messages": [ASK, answer], "images": ["a.jpg", "b.jpg"]}
    row["messages"] = [{"role": "user", "content": "<image><image>Where?"}, answer]
    objects = {"ref": [], "bbox": [[1, 2, 3, 4], [0.5, 0.5]], "image_id": [0, 1], "bbox_type": "real"}
    read_row = read({**row, "objects": objects})[1]
    assert read_row.metadata == {}
    assert boxes_of(read_row) == [box(1, [1, 2, 3, 4]), box(1, [0.5, 0.5], image=1)]
    shares = {"bbox": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 1, 1], [0, 0, 1, 1]], "bbox_type": "norm1"}
    assert boxes_of(read({**row, "objects": shares})[1]) == [
        box(1, [0.1, 0.2, 0.3, 0.4], "unit"),
        box(1, [0.5, 0.5, 1, 1], "unit"),
        box(None, [0, 0, 1, 1], "unit"),
    ]


@pytest.mark.parametrize(
    ("answer", "boxes"),
    [
        (
            "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(221,423),(569,886)<|box_end|>",
            [[221, 423, 569, 886]],
        ),
        ("click(start_box='<|box_start|>(246,113)<|box_end|>')", [[246, 113]]),
        ("<ref>a dog</ref><box>(221,423),(569,886)</box>", [[221, 423, 569, 886]]),
        ("<ref>dogs</ref><box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box>", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ('[{"bbox_2d": [135, 114, 1016, 672.5], "label": "house"}]', [[135, 114, 1016, 672.5]]),
        ("The box is open.", []),
    ],
)
def test_a_models_own_boxes_stay_in_the_text_and_are_listed(answer: str, boxes: list[list[float]]):
    row = read({"messages": [ASK, {"role": "assistant", "content": answer}], "images": ["a.jpg"]})[1]
    assert row.messages[1].text == answer
    assert boxes_of(row) == [box(1, numbers, None) for numbers in boxes]


def test_pairs_that_part_in_a_box_alone_stay_apart():
    row = {
        "messages": [ASK, {"role": "assistant", "content": "<bbox>"}],
        "images": ["a.jpg"],
        "objects": {"bbox": [[1, 2, 3, 4]]},
        "rejected_response": "<bbox>",
        "rejected_objects": {"bbox": [[5, 6, 7, 8]]},
    }
    form, pair = read(row)
    assert (form, text(pair)) == (
        "rejected_response",
        "user: <0>What is this? | chosen: [1, 2, 3, 4] | rejected: [5, 6, 7, 8]",
    )
    assert boxes_of(pair) == [box(1, [1, 2, 3, 4]), box(2, [5, 6, 7, 8])]


BROKEN: list[tuple[str, dict[str, Any]]] = [
    # One answer shown with one image and rejected with another is no pair of answers.
    ("pair_differs", {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_images": ["b.jpg"]}),
    ("field_missing", {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_images": ["a.jpg"]}),
    (
        "pair_differs",
        {"messages": [CAT | {"role": "user"}, CAT], "rejected_messages": [DOG | {"role": "user"}, DOG]},
    ),
    ("turn_order", {"messages": [ASK], "images": ["a.jpg"], "rejected_response": "A dog."}),
    ("field_type", {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_response": [ASK]}),
    ("no_target", {"messages": [ASK, CAT | {"loss": False}], "images": ["a.jpg"]}),
    ("field_type", {"messages": [ASK, CAT | {"loss": "perhaps"}], "images": ["a.jpg"]}),
    (
        "placeholder_mismatch",
        {"messages": [ASK, DOG | {"content": "<bbox>"}], "image": "a.jpg", "objects": {"bbox": []}},
    ),
    ("field_type", {"messages": [ASK, CAT], "image": "a.jpg", "objects": {"bbox": [[1, 2, 3]]}}),
    ("field_type", {"messages": [ASK, CAT], "image": "a.jpg", "objects": {"bbox": [[1, 2]], "image_id": [1]}}),
    ("field_type", {"messages": [ASK, CAT], "image": "a.jpg", "objects": {"bbox": [], "bbox_type": "metres"}}),
    ("field_type", {"query": "What?", "response": "A cat.", "history": ["Hi"]}),
    ("json_invalid", {"query": "What?", "response": "A cat.", "history": "[['Hi'"}),
    ("modality_unsupported", {"messages": [CAT | {"role": "user"}, CAT], "videos": ["a.mp4"]}),
    ("modality_unsupported", {"video": "a.mp4", "conversations": TALK}),
    ("modality_unsupported", {"audios": ["a.wav"], "messages": [CAT | {"role": "user"}, CAT]}),
    ("modality_unsupported", {"video": "a.mp4", "caption": "A cat runs."}),
    (
        "modality_unsupported",
        {"messages": [{"role": "user", "content": [{"type": "video_url", "value": "a.mp4"}]}, CAT]},
    ),
    # ms-swift's rows of a classification: no answer, and so no target.
    ("ambiguous_judgement", {"messages": [CAT | {"role": "user"}, CAT], "label": 7}),
    ("ambiguous_judgement", {"messages": [CAT | {"role": "user"}, CAT], "label": True, "rejected_response": "A dog."}),
    ("ambiguous_judgement", {"image": "a.jpg", "caption": "A cat.", "label": 1}),
    ("ambiguous_judgement", {"prompt": "What?", "response": "A dog.", "rating": 1}),
    ("ambiguous_judgement", {"prompt": "What?", "completion": "A dog.", "rewardScore": -1.5}),
    ("ambiguous_judgement", {"messages": [CAT | {"role": "user"}, DOG], "negative_messages": [[DOG]]}),
    ("ambiguous_judgement", {"prompt": "What?", "response": "A dog.", "is_safe": False}),
    ("ambiguous_judgement", {"conversations": [TALK[0], TALK[1] | {"score": 0}]}),
    # TRL's stepwise supervision: the labels are of steps, not of responses.
    ("ambiguous_judgement", {"prompt": "9.8 or 9.11?", "completions": ["0.8", "0.11"], "labels": [True, False]}),
    (
        "ambiguous_judgement",
        {"prompt": "What?", "chosen": "A cat.", "rejected": "A dog.", "rejected_images": ["b.jpg"]},
    ),
]


@pytest.mark.parametrize(("reason", "record"), BROKEN, ids=[f"{n}-{case[0]}" for n, case in enumerate(BROKEN)])
def test_a_row_that_cannot_be_had_has_its_reason(reason: str, record: dict[str, Any]):
    with pytest.raises(RowError) as error:
        read(record)
    assert error.value.reason == reason


def test_the_refusal_names_fields_formats_and_the_way_out():
    record = {"messages": [CAT | {"role": "user"}, DOG], "label": False}
    with pytest.raises(RowError) as error:
        all_formats()["messages"].parse(record)
    assert error.value.detail == (
        "label: not read by messages; kto would read a judgement; "
        "in drop.yaml, format: {FILE: kto} names its format, "
        "or ignore_fields: {FILE: [label]} says that they judge nothing"
    )


def test_a_table_of_who_answered_what_is_no_conversation():
    assert format_of([{"question": "17", "worker": "3", "answer": "0"}]) is None


def test_a_column_that_its_sender_calls_plain_is_metadata():
    form, row = read({"image": "a.jpg", "caption": "A cat.", "label": 1, "score": None}, ignored=("label", "score"))
    assert (form, text(row), row.metadata) == ("captions", "user: <0> | assistant: A cat.", {"label": 1})
    form, row = read({"messages": [ASK, CAT], "images": ["a.jpg"], "label": True}, ignored=("label",))
    assert (form, row.kind, row.metadata) == ("messages", "sft", {"label": True})
    turns = [TALK[0], TALK[1] | {"score": 0.5}]
    assert read({"conversations": turns}, ignored=("conversations.score",))[1].kind == "sft"
    form, row = read({"image": "a.jpg", "caption": "A cat.", "video": "frames of 7"}, ignored=("video",))
    assert (form, row.kind) == ("captions", "sft")


def test_a_named_format_settles_which_of_two_is_meant_and_not_what_is_unread():
    both = {"prompt": "What?", "completion": "A cat.", "responses": ["A cat.", "A dog."], "label": True}
    with pytest.raises(RowError, match="labelled and others claim the row; rated would read a judgement"):
        reading("labelled").parse(both)
    assert judged(reading("labelled", named=True).parse(both)) == [("A cat.", "good", None)]
    with pytest.raises(RowError, match="kto_tag: not read by llava"):
        reading("llava", named=True).parse({"conversations": TALK, "kto_tag": False})


FAMILY = (
    "label",
    "labels",
    "kto_tag",
    "chosen_answer",
    "rejected_text",
    "Rejected",
    "isRejected",
    "rewards",
    "score_b",
)
JUDGING = re.compile("label|kto|chosen|reject|reward|score", re.IGNORECASE)
PLAIN = (
    "messages",
    "conversations",
    "prompt",
    "completion",
    "response",
    "answer",
    "output",
    "text",
    "caption",
    "image",
)


@st.composite
def mutilated(draw: st.DrawFn) -> dict[str, Any]:
    """A preference row with fields dropped, added and renamed, of which one that judges is left under a name of the
    family: of a row whose every trace of a judgement is gone, nobody can say that it had one."""
    _, row = draw(st.sampled_from(JUDGED))
    judging = draw(st.sampled_from([name for name in row if JUDGING.search(name) or name == "text"] or list(row)))
    left = draw(st.sampled_from([judging, *(FAMILY if judging != "text" else PLAIN)]))
    mutilated: dict[str, Any] = {left: row[judging]}  # first, so that no other field takes its name
    for name in [name for name in row if name != judging]:
        renamed = draw(st.sampled_from([name] * 4 + [None, *FAMILY, *PLAIN]) | st.text(max_size=5))
        if renamed is not None:
            mutilated.setdefault(renamed, row[name])
    return mutilated


def test_every_format_that_judges_is_among_the_judged_rows():
    judging = {form for form, row in JUDGED if read(row)[1].kind == "preference"}
    assert judging == {name for name, form in all_formats().items() if "preference" in form.kinds} - {"webdataset"}
    assert judging == {name for name, form in all_formats().items() if form.judged_by} - {"webdataset"}
    assert all(REJECTED in text(read(row)[1]) for _, row in JUDGED)
    assert {read(packed(row))[1].kind for _, row in JUDGED} == {"preference"}, "webdataset holds rows of all others"


@given(record=mutilated())
@settings(deadline=None, max_examples=examples(400))
def test_a_format_names_the_fields_by_which_it_judges(record: dict[str, Any]):
    for form in map(trusting, all_formats().values()):
        if form.judged_by is None or not form.recognise(record):
            continue
        try:
            kind = parsed(form, record).kind
        except RowError:
            continue
        assert kind == "sft" or not form.judged_by.isdisjoint(record), (form.name, record)


def readings(record: dict[str, Any], form: str) -> Iterator[tuple[str, Row]]:
    """The record as this format reads it and as the one that recognises it does, where they do not refuse it."""
    elected = format_of([record])
    for name in {form, elected.name if elected else form}:
        with suppress(RowError):
            yield name, check_row(all_formats()[name].parse(record), IngestSettings())


def test_mutilated_rows_are_still_read_as_judged():
    """So that what is held of them below and above is held of something."""
    cases = st.tuples(mutilated(), st.sampled_from(sorted(all_formats())))
    find(cases, lambda case: "preference" in {row.kind for _, row in readings(*case)})


@given(record=mutilated(), form=st.sampled_from(sorted(all_formats())), in_tar=st.booleans())
@settings(deadline=None, max_examples=examples(600))
def test_no_rejected_text_becomes_a_target_whatever_the_file_is_taken_for(
    record: dict[str, Any], form: str, in_tar: bool
):
    if sum(bool(JUDGING.search(name)) for name in record) == 0 and "text" not in record:
        return
    for name, row in readings(packed(record) if in_tar else record, form):
        taught = [message.text for message in row.messages if row.kind == "sft" and message.role == "assistant"]
        assert not any(REJECTED in answer for answer in taught), (name, record)
