"""How often a model already solves a prompt.

Rollouts that were delivered with an RL prompt tell what it can still teach. Where all of a group pass, or none does,
their rewards do not differ, and a trainer that compares them with each other (GRPO and its kin) learns nothing from
it. `rollouts` counts them, `judged` those of which it is known whether they passed, `passes` those that did;
`pass_rate` is the share, with Wilson's 95 % interval (`pass_low`, `pass_high`). `outcome` is `always`, `never` or
`useful`; `signal` is 4 p (1 - p), the variance of the outcome as a share of the greatest possible: 1 where half pass.
`reward_mean` and `reward_spread` (standard deviation) are of the rewards as delivered.

A rollout passes where its reward lies above `pass_mark`: what the settings say, or else midway between the lowest and
the highest reward of its data source in the delivery. Where no rewards were delivered (`judged_by` is `truth`, else
`reward`), it passes where it answers with the ground truth, by the rule that `ground_truth` names; a response from
which no answer can be read is not judged.

A prompt abstains without rollouts, or without any that can be judged. It is the pass rate of the model that was asked,
with its sampling: of another one it is a guess. Examples that are no prompts have no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.prompt_sources import PROMPT_SOURCES
from ops.audits.ranges import ANY, COUNT, SHARE, Range, column
from ops.core.accuracy import wilson
from ops.evidence.inputs import RowInputs
from ops.prompts.rewards import Scored, scored_prompts
from ops.prompts.rules import check_rules


@dataclass(frozen=True, slots=True)
class PassRateSettings:
    """`audits.pass_rate` in assay.yaml."""

    pass_mark: float | None = None
    """Reward above which an answer passes; None: midway between the lowest and the highest of its source."""
    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    """As in `audits.ground_truth`; for rollouts without rewards."""

    def __post_init__(self) -> None:
        check_rules(self.rules)


def measure(inputs: RowInputs, settings: PassRateSettings) -> pa.Table:
    """One row a prompt."""
    prompts = scored_prompts(inputs.examples, pass_mark=settings.pass_mark, rules=settings.rules, facts=inputs.fitted)
    rows = [{**prompt.key, **_measured(prompt.rollouts, prompt.mark)} for prompt in prompts]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _measured(group: Sequence[Scored], mark: float | None) -> dict[str, Any]:
    rewards = [one.reward for one in group if one.reward is not None]
    outcomes = [one.passes if rewards else one.right for one in group]
    judged = [outcome for outcome in outcomes if outcome is not None]
    if not judged:
        return {"abstained": True, "rollouts": len(group)}
    passes = sum(judged)
    rate = passes / len(judged)
    low, high = wilson(rate, len(judged))
    return {
        "abstained": False,
        "rollouts": len(group),
        "judged": len(judged),
        "judged_by": "reward" if rewards else "truth",
        "passes": passes,
        "pass_rate": rate,
        "pass_low": low,
        "pass_high": high,
        "outcome": "always" if rate == 1 else "never" if rate == 0 else "useful",
        "signal": 4 * rate * (1 - rate),
        "pass_mark": mark if rewards else None,
        "reward_mean": fmean(rewards) if rewards else None,
        "reward_spread": pstdev(rewards) if rewards else None,
    }


AUDIT = Audit(
    name="pass_rate",
    title="How often a model already solves a prompt",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=pa.schema(
        [
            column("abstained", pa.bool_()),
            column("rollouts", pa.int32(), COUNT),
            column("judged", pa.int32(), COUNT),
            column("judged_by", pa.string()),
            column("passes", pa.int32(), COUNT),
            column("pass_rate", pa.float64(), SHARE),
            column("pass_low", pa.float64(), SHARE),
            column("pass_high", pa.float64(), SHARE),
            column("outcome", pa.string()),
            column("signal", pa.float64(), SHARE),
            column("pass_mark", pa.float64(), ANY),
            column("reward_mean", pa.float64(), ANY),
            column("reward_spread", pa.float64(), Range(0)),
        ]
    ),
    measure=measure,
    fit=PROMPT_SOURCES,
    settings=PassRateSettings(),
    revision=2,
)
