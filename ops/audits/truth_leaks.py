"""Prompts that give their answer away.

An RL prompt that holds its own ground truth teaches a model to find it there. Two ways are told apart (`how`):

- `announced`: the conversation says that it is the answer ("the correct option is B", "answer: 3", `\\boxed{3}`,
  `#### 3`). It is looked for in all that is shown to the model, and works for numbers, letters, yes and no.
- `stands`: the words of the truth stand, in their order, in the question, in what came with the row, in its id, or in
  the name of its file, by the rules of the audit of metadata leakage: yes and no are in no field, and where the
  question offers its answer for choice it is not looked at. Numbers and letters stand everywhere, and are not looked
  for.

`is_leaked` says whether either was found; `source` where: `question`, `metadata`, `id` or `file`, with `field` and the
words around it (`evidence`). Only what stands in the question is shown to the model. Metadata is what reward functions
read, and holds the truth in many sets by design; in an id or a file's name it tells of how the set was made.

The words that announce an answer, and those that tell nothing, are English: in other languages less is found. A prompt
abstains without a ground truth. Examples that are no prompts have no row.
"""

import re
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import SHARE, column
from ops.core.turns import Turn
from ops.evidence.inputs import RowInputs
from ops.leaks.field_leaks import FieldLeakSettings, leak_of
from ops.prompts.asked import PROMPT_FACTS, Asked, read_prompts
from ops.prompts.truths import alternatives, last_boxed, number, unwrapped

_ANNOUNCES = (
    r"(?:answer|solution|ground[ _-]?truth|correct (?:answer|option|choice|box|number)|right (?:answer|option)|label)"
    r"(?:\s+(?:to this|here))?\s*(?:is|are|was|=|:|->)+\s*[\"'`(\[*$]*"
)
_AROUND = 40
_MOST_CHARACTERS = 20_000


def measure(inputs: RowInputs, settings: FieldLeakSettings) -> pa.Table:
    """One row a prompt."""
    keys = inputs.examples.select(["delivery", "example_id"]).to_pylist()
    rows: list[dict[str, Any]] = []
    for prompt in read_prompts(inputs.examples):
        measured = {"abstained": True} if prompt.truth is None else _measured(inputs.examples, prompt, settings)
        rows.append(keys[prompt.row] | measured)
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _measured(examples: pa.Table, prompt: Asked, settings: FieldLeakSettings) -> dict[str, Any]:
    texts = [unwrapped(text) for text in alternatives(prompt.truth or "", is_json=prompt.is_json)]
    for text in texts:
        evidence = announced(prompt.query, text)
        if evidence:
            source = {"source": "question", "field": "query", "evidence": evidence}
            return {"abstained": False, "is_leaked": True, "how": "announced", "containment": 1.0, **source}
    example = examples.slice(prompt.row, 1)
    telling = [text for text in texts if text and number(text) is None and len(text) > 1]
    finds = [leak_of(example, Turn(0, 0, prompt.question, text), settings, but=(PROMPT_FACTS,)) for text in telling]
    best = max(finds, key=lambda find: (bool(find.get("is_leaked")), find.get("containment") or 0.0), default=None)
    if best is None or best.get("abstained", True):  # nothing in it to look for: yes or no, which no field gives away
        return {"abstained": False, "is_leaked": False}
    where = {name: best.get(name) for name in ("source", "field", "containment", "evidence")}
    return {"abstained": False, "is_leaked": best["is_leaked"], "how": "stands" if best["is_leaked"] else None, **where}


def announced(query: str, truth: str) -> str | None:
    """The words around the place where a conversation says that this is the answer; None where it does not."""
    if not truth or len(truth) > 200:
        return None
    ending = query[-_MOST_CHARACTERS:]
    end = r"(?![\w])" if truth[-1:].isalnum() else ""
    pattern = rf"(?:{_ANNOUNCES}|####\s*){re.escape(truth)}(?!\.\d){end}"
    match = re.search(pattern, ending, re.IGNORECASE)
    if match:
        return " ".join(ending[max(0, match.start() - _AROUND) : match.end() + _AROUND].split())
    return ending[-_AROUND:] if last_boxed(ending) == truth else None


AUDIT = Audit(
    name="truth_leaks",
    title="Prompts that give their answer away",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=pa.schema(
        [
            column("abstained", pa.bool_()),
            column("is_leaked", pa.bool_()),
            column("how", pa.string()),  # announced | stands
            column("source", pa.string()),  # question | metadata | id | file
            column("field", pa.string()),
            column("containment", pa.float32(), SHARE),
            column("evidence", pa.string()),
        ]
    ),
    measure=measure,
    settings=FieldLeakSettings(),
)
