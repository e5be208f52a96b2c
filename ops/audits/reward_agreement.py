"""Rewards that do not follow the ground truth.

Of each rollout that was delivered with a reward, the answer is read from its response (`<answer>`, `\\boxed{}`, `####`,
"the answer is", or a short response as a whole) and compared with the ground truth by the rule that `ground_truth`
names: numbers and letters as such, boxes by an overlap of one half, mathematics by math-verify, other texts after
normalisation. `compared` counts the rollouts whose answer and reward are both known, `right` those that answer with the
truth. `agreement` is the share in which right answers passed and wrong ones did not; `rewarded_wrong` and
`unrewarded_right` count the two kinds of the rest. `leading_share` is the share of the pairs of a right and a wrong
rollout whose right one has the higher reward, ties as half: 1 where rewards follow the truth, 0.5 where they ignore it,
0 where they are swapped; null where all are right, or none. `is_against` says that rewards disagree with the truth
more often than not, on at least `fewest` rollouts.

A group that is against its truth has a wrong truth, a reward function that reads another format, or rewards of another
row: which, only a look tells. A prompt abstains where fewer than `fewest` rollouts can be compared: an answer that
could be meant in several ways is not judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.prompt_sources import PROMPT_SOURCES
from ops.audits.ranges import COUNT, SHARE, column
from ops.evidence.inputs import RowInputs
from ops.prompts.rewards import Scored, leading_share, scored_prompts
from ops.prompts.rules import check_rules


@dataclass(frozen=True, slots=True)
class RewardAgreementSettings:
    """`audits.reward_agreement` in assay.yaml."""

    fewest: int = 4
    """Rollouts below which the audit abstains."""
    pass_mark: float | None = None
    """As in `audits.pass_rate`."""
    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    """As in `audits.ground_truth`."""

    def __post_init__(self) -> None:
        if self.fewest < 1:
            raise ValueError(f"fewest must be at least 1, but is {self.fewest}")
        check_rules(self.rules)


def measure(inputs: RowInputs, settings: RewardAgreementSettings) -> pa.Table:
    """One row a prompt."""
    prompts = scored_prompts(inputs.examples, pass_mark=settings.pass_mark, rules=settings.rules, facts=inputs.fitted)
    rows = [
        {**prompt.key, "rule": prompt.ruled.rule, **_measured(prompt.rollouts, settings.fewest)} for prompt in prompts
    ]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _measured(group: Sequence[Scored], fewest: int) -> dict[str, Any]:
    known = [one for one in group if one.passes is not None and one.right is not None]
    if len(known) < fewest:
        return {"abstained": True, "compared": len(known)}
    agreed = sum(one.passes == one.right for one in known)
    return {
        "abstained": False,
        "compared": len(known),
        "right": sum(bool(one.right) for one in known),
        "agreement": agreed / len(known),
        "rewarded_wrong": sum(bool(one.passes) and not one.right for one in known),
        "unrewarded_right": sum(bool(one.right) and not one.passes for one in known),
        "leading_share": leading_share(known),
        "is_against": 2 * agreed < len(known),
    }


AUDIT = Audit(
    name="reward_agreement",
    title="Rewards that do not follow the ground truth",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=pa.schema(
        [
            column("abstained", pa.bool_()),
            column("rule", pa.string()),
            column("compared", pa.int32(), COUNT),
            column("right", pa.int32(), COUNT),
            column("agreement", pa.float64(), SHARE),
            column("rewarded_wrong", pa.int32(), COUNT),
            column("unrewarded_right", pa.int32(), COUNT),
            column("leading_share", pa.float64(), SHARE),
            column("is_against", pa.bool_()),
        ]
    ),
    measure=measure,
    fit=PROMPT_SOURCES,
    settings=RewardAgreementSettings(),
    revision=2,
)
