"""What is said of a version that nobody published, and one of its members."""

from typing import Any

from ops.exports.contract import Facts, Member, Picture
from ops.intake.row import Message

FACTS = Facts(
    version=1,
    made_at="2026-11-23T00:00:00+00:00",
    content="c0",
    policy="p0",
    code="code",
    encoder="encoder",
    order="own",
    repeats=0,
    licences={"drop": "MIT"},
    removals=[{"dataset": "a|b\n<i>", "kind": "sft", "examples": 9, "keep": 6, "downweight": 1, "hold": 0, "drop": 2}],
    reasons=[
        {"rule": "r", "audit": "a", "detail": "too *long*", "dataset": None, "action": "drop", "examples": 2},
    ],
)


def member(messages: list[Message], pictures: tuple[Picture, ...] = (), **changes: Any) -> Member:
    """An SFT example of one turn or more, but for what is changed."""
    given: dict[str, Any] = {
        "kind": "sft",
        "stage": 0,
        "position": 0,
        "order": 0,
        "copy": 0,
        "weight": 1.0,
        "loss_weight": 1.0,
        "soft_label": None,
        "example_id": "e0",
        "source_id": "s0",
        "drop": "d",
        "dataset": "set",
        "messages": tuple(messages),
        "pictures": pictures,
    }
    return Member(**{**given, **changes})
