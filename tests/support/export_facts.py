"""What is said of a version that nobody published."""

from ops.exports.contract import Facts

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
