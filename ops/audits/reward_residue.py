"""Traces of a judge in targets.

An answer that rates, compares or labels answers is preference data that slipped into supervised tuning: "Rating: 4/5",
"Response A is better because ...", "chosen: ...", reward tokens, "as an impartial judge". One row for each answer of
an SFT example; `kind` is the first trace found (reward_token, field_label, rating, comparison, judge_prompt) and null
where there is none. Ratings and comparisons that the question asks for ("Which one is better?") are left alone. The
patterns are English and stand in `ops/text/reward_talk.py`.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COUNT, column
from ops.core.turns import read_turns
from ops.evidence.inputs import RowInputs
from ops.text.reward_talk import reward_residue

COLUMNS = pa.schema([column("kind", pa.string()), column("text", pa.string()), column("start", pa.int32(), COUNT)])


def measure(inputs: RowInputs, settings: None) -> pa.Table:
    """A row for each answer of the batch's SFT examples."""
    examples = inputs.examples.filter(pc.field("kind") == "sft")
    deliveries, ids = examples["delivery"].to_pylist(), examples["example_id"].to_pylist()
    rows: list[dict[str, Any]] = []
    for turn in read_turns(examples):
        found = reward_residue(turn.answer, turn.query)
        row = {"delivery": deliveries[turn.row], "example_id": ids[turn.row], "turn": turn.turn}
        rows.append(row if found is None else row | {"kind": found.kind, "text": found.text, "start": found.start})
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


AUDIT = Audit(
    name="reward_residue",
    title="Traces of a judge in targets",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=COLUMNS,
    measure=measure,
)
