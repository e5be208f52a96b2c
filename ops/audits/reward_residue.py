"""Traces of a judge in targets.

An answer that rates, compares or labels answers is preference data that slipped into supervised tuning: "Rating: 4/5",
"Response A is better because ...", "chosen: ...", reward tokens, "as an impartial judge". One row for each answer of
an SFT example; `kind` is the first trace found (reward_token, field_label, rating, comparison, judge_prompt) and null
where there is none. Ratings and comparisons that the question asks for ("Which one is better?") are left alone. The
patterns stand in `ops/text/reward_talk.py`.

A trace may also stand in the line of the answer, at its very end or start: "blue score 5", "yes reward 0.9", "Score:
4/5. A bus." (`ops/text/reward_rules.py`). It is known by a number on a judge's scale that nothing binds to the
sentence. Pictures show scores and ratings too, so that such words are left alone where the question or the rest of the
answer speaks of what carries them (a scoreboard, a poster, a test, a match), and a trace behind such an answer passes.

Tokens and field labels are looked for in any language; ratings, comparisons, judge prompts and what stands inside a
line are told by English phrases. Where an answer or its question is in another language and has no token or label, the
row abstains.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COUNT, column
from ops.core.turns import Turn, read_turns
from ops.evidence.inputs import RowInputs
from ops.text.language import NOT_ENGLISH
from ops.text.reward_talk import is_read, reward_residue

COLUMNS = pa.schema(
    [
        column("kind", pa.string()),
        column("text", pa.string()),
        column("start", pa.int32(), COUNT),
        column("abstained", pa.bool_()),
        column("why", pa.string()),
    ]
)


def measure(inputs: RowInputs, settings: None) -> pa.Table:
    """A row for each answer of the batch's SFT examples."""
    examples = inputs.examples.filter(pc.field("kind") == "sft")
    deliveries, ids = examples["delivery"].to_pylist(), examples["example_id"].to_pylist()
    rows: list[dict[str, Any]] = []
    for turn in read_turns(examples):
        keys = {"delivery": deliveries[turn.row], "example_id": ids[turn.row], "turn": turn.turn}
        rows.append(keys | _measured(turn))
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _measured(turn: Turn) -> dict[str, Any]:
    residue = reward_residue(turn.answer, turn.query)
    if residue is not None:
        return {"kind": residue.kind, "text": residue.text, "start": residue.start, "abstained": False}
    reads = is_read(turn.answer, turn.query)
    return {"abstained": not reads, "why": None if reads else NOT_ENGLISH}


AUDIT = Audit(
    name="reward_residue",
    title="Traces of a judge in targets",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=COLUMNS,
    measure=measure,
    faults=("reward_trace",),
    revision=3,
)
