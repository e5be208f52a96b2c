"""What judges said goes out as lines and comes back as what they said, whether or not it makes a pair."""

import json
from dataclasses import asdict

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.exports.contract import PREFERENCE, Judged
from ops.exports.jsonl import row
from ops.exports.ratings import majority_label, mean_ratings, means_are_shares
from ops.formats.registry import all_formats, format_of
from ops.intake.row import Message, Part
from tests.support.examples import examples
from tests.support.export_facts import member

ASK = [Message("user", (Part("What?"),)), Message("assistant", (Part("A cat."),)), Message("user", (Part("Sure?"),))]
LABELS = st.sampled_from(["good", "bad", None])


@st.composite
def responses(draw: st.DrawFn) -> tuple[Judged, ...]:
    """Responses of other texts: a pair, or any number that are judged each by itself; all ratings on a scale, or none
    on any."""
    texts = draw(st.lists(st.text("ab<>", min_size=1, max_size=5), min_size=2, max_size=4, unique=True))
    scale = draw(st.sampled_from([1.0, None]))
    roles = ("chosen", "rejected") if draw(st.booleans()) else ("response",) * len(texts)
    rated = st.floats(0, 1) if scale else st.floats(-9, 9)
    judged: list[Judged] = []
    for text, role in zip(texts, roles, strict=False):
        rating = draw(rated | st.none())
        judged.append(Judged(text, role, draw(LABELS), rating, scale if rating is not None else None))
    return tuple(judged)


@given(judged=responses())
@settings(deadline=None, max_examples=examples(200))
def test_what_was_said_of_responses_comes_back(judged: tuple[Judged, ...]):
    line = json.loads(json.dumps(row(member(ASK, kind=PREFERENCE, responses=judged))))
    form = format_of([line])
    assert form is not None
    assert form.name == "judged_lines"
    read = all_formats()[form.name].parse(line)
    votes = [asdict(judgement) for judgement in read.judgements]
    ratings, scale = mean_ratings(votes), 1.0 if means_are_shares(votes) else None
    back = [
        Judged(
            message.text,
            message.role,
            majority_label([vote for vote in votes if vote["response"] == message.text]),
            ratings.get(message.text),
            scale if message.text in ratings else None,
        )
        for message in read.messages[len(ASK) :]
    ]
    assert back == list(judged)
    assert [message.role for message in read.messages[: len(ASK)]] == ["user", "assistant", "user"]
    pairs = {(vote["response"], vote["label"], vote["opponent"]) for vote in votes if vote["opponent"] is not None}
    first, second = judged[0].text, judged[1].text
    assert pairs == ({(first, "chosen", second), (second, "rejected", first)} if judged[0].role == "chosen" else set())
