"""Ground truths that no answer can match.

An RL prompt whose ground truth cannot be read by the rule that verifies answers rewards nothing, whatever is answered:
a number in words where figures are compared, the letter of an option that is not offered, a box whose corners are
swapped, LaTeX that is cut. `rule` is how answers are verified: `number`, `choice`, `box` (two corners), `mathematics`
(read by math-verify, as most trainers' rewards are) or `string`. `rule_origin` says what told it: `settings`
(`audits.ground_truth.rules`, by pattern of data source or data set), `style` (where the data names one of the rules),
`source` (sets that verl rewards by functions of its own), `question` (it lists options, or asks in English how many),
or `truths` (what nearly all truths of its data source are).

`is_readable` says whether the truth can be read, and `reason` why not; `value` is what the rule makes of it (a box as
x1, y1, x2, y2). Numbers are read in figures, with separators, `%`, a currency or as a fraction; a truth may stand in
`<answer>`, `\\boxed{}` or behind `####`. A JSON list of texts gives alternatives.

A prompt abstains where it has no ground truth, and where its source is verified by running programs. Examples that are
no prompts have no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.prompt_sources import PROMPT_SOURCES
from ops.audits.ranges import column
from ops.evidence.inputs import RowInputs
from ops.prompts.asked import Asked, read_prompts
from ops.prompts.rules import Ruled, check_rules, rules_of
from ops.prompts.truths import Truth, read_truth


@dataclass(frozen=True, slots=True)
class GroundTruthSettings:
    """`audits.ground_truth` in assay.yaml."""

    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    """Rules by pattern of data source or data set, such as `photos/*: number`."""

    def __post_init__(self) -> None:
        check_rules(self.rules)


def measure(inputs: RowInputs, settings: GroundTruthSettings) -> pa.Table:
    """One row a prompt."""
    prompts = read_prompts(inputs.examples)
    keys = inputs.examples.select(["delivery", "example_id", "dataset"]).to_pylist()
    datasets = [keys[prompt.row]["dataset"] or "" for prompt in prompts]
    ruled = rules_of(prompts, datasets, settings.rules, inputs.fitted)
    rows: list[dict[str, Any]] = []
    for prompt, rule in zip(prompts, ruled, strict=True):
        key = {name: keys[prompt.row][name] for name in ("delivery", "example_id")}
        rows.append(key | _read(prompt, rule))
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _read(prompt: Asked, ruled: Ruled) -> dict[str, Any]:
    if prompt.truth is None or ruled.rule is None:
        why = "no ground truth" if prompt.truth is None else "answers are verified by running them"
        return {"abstained": True, "reason": why}
    truth = read_truth(
        ruled.rule, prompt.truth, is_json=prompt.is_json, question=prompt.question, corners=ruled.corners
    )
    return {
        "abstained": False,
        "rule": ruled.rule,
        "rule_origin": ruled.origin,
        "is_readable": truth.is_readable,
        "value": _truth_text(truth) if truth.is_readable else None,
        "reason": truth.why or None,
    }


def _truth_text(truth: Truth) -> str:
    boxes = [", ".join(f"{side:g}" for side in box) for box in truth.boxes]
    return " | ".join([*truth.values, *boxes])[:200]


AUDIT = Audit(
    name="ground_truth",
    title="Ground truths that no answer can match",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=pa.schema(
        [
            column("abstained", pa.bool_()),
            column("rule", pa.string()),
            column("rule_origin", pa.string()),
            column("is_readable", pa.bool_()),
            column("value", pa.string()),
            column("reason", pa.string()),
        ]
    ),
    measure=measure,
    fit=PROMPT_SOURCES,
    settings=GroundTruthSettings(),
)
