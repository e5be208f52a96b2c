"""What turns count for in the loss comes back from ms-swift's rows as it went, and goes nowhere else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.exports.conversation import refuse_unlearned
from ops.exports.ms_swift import EXPORT, row
from ops.exports.registry import all_exports
from ops.formats.registry import all_formats
from ops.intake.loss_weights import LOSS_WEIGHTS, loss_weights, with_loss_weights
from ops.intake.row import CONTEXT, Message, Part
from ops.intake.rows import IngestSettings, check_row
from tests.support.examples import examples
from tests.support.export_facts import member

TEXTS = st.text(st.sampled_from("ab é\n"), min_size=1, max_size=4).filter(str.strip)
LOADS = st.sampled_from([("assistant", None), ("assistant", 0.5), ("assistant", 2.0), (CONTEXT, None)])


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Questions and answers, each of a few pieces that part in what they count for."""
    turns: list[Message] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", (Part(draw(TEXTS)),)))
        pieces = draw(st.lists(LOADS, min_size=1, max_size=3))
        kept = [load for place, load in enumerate(pieces) if not place or load != pieces[place - 1]]
        turns += [Message(role, (Part(draw(TEXTS)),), loss) for role, loss in kept]
    if not any(turn.role == "assistant" for turn in turns):
        turns.append(Message("assistant", (Part("Yes."),)))
    return turns


@given(turns=conversations())
@settings(deadline=None, max_examples=examples(60))
def test_ms_swift_rows_come_back_with_every_weight(turns: list[Message]):
    exported = member(turns)
    assert EXPORT.refuse(exported) is None
    record = row(exported)[1]
    read = check_row(all_formats()["messages"].parse(record), IngestSettings())
    assert read.messages == tuple(turns)
    kept = loss_weights(json.dumps(with_loss_weights({}, read.messages))) or [None] * len(turns)
    assert kept == [turn.loss for turn in turns]


@pytest.mark.parametrize("role", ["assistant", "user"])
def test_a_weight_that_a_format_cannot_say_is_left_out_by_name(role: str):
    losses = {role: 0.5}
    turns = [Message(who, (Part(who),), losses.get(who)) for who in ("user", "assistant")]
    masking = [item for item in all_exports().values() if item.masks_answers]
    assert refuse_unlearned(member(turns)) == "an answer has a loss weight of its own, which the format cannot say"
    refused = {item.name: item.refuse(member(turns)) for item in masking}
    known = {"assistant": None, "user": "a turn that is no answer carries loss, which the format cannot say"}
    assert refused == {"ms_swift": known[role]}


def test_a_rows_own_column_of_that_name_weighs_nothing():
    plain = [Message("user", (Part("a"),)), Message("assistant", (Part("b"),))]
    assert with_loss_weights({LOSS_WEIGHTS: [1, 5]}, plain) == {"loss_weights_delivered": [1, 5]}
