"""What the prompts of each source have in common: small figures that add up over parts of a delivery."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ops.prompts.asked import Asked, read_prompts
from ops.prompts.mathematics import looks_mathematical
from ops.prompts.truths import Rule, boxes_in, choice, number, unwrapped


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Of one source: the kinds of its ground truths, counted; its truths' boxes, and those of them whose second corner
    lies behind the first; the lowest and the highest of its rewards, null where there are none."""

    kinds: Mapping[Rule, int]
    boxes: int
    ordered_boxes: int
    lowest: float | None
    highest: float | None

    @property
    def truths(self) -> int:
        """Prompts with a ground truth."""
        return sum(self.kinds.values())

    @property
    def pass_mark(self) -> float | None:
        """The reward above which an answer passes: midway between the lowest and the highest; half a point where all
        are equal."""
        if self.lowest is None or self.highest is None:
            return None
        return (self.lowest + self.highest) / 2 if self.lowest < self.highest else 0.5


def prompt_sources(examples: pa.Table, prompts: Sequence[Asked]) -> list[str]:
    """The source of each prompt: its own word for it, or else its data set."""
    datasets = examples["dataset"].to_pylist()
    return [prompt.data_source or datasets[prompt.row] or "" for prompt in prompts]


def facts_by_source(prompts: Sequence[Asked], sources: Sequence[str]) -> dict[str, SourceFacts]:
    """The facts of each source, of these prompts."""
    members: dict[str, list[Asked]] = {}
    for prompt, source in zip(prompts, sources, strict=True):
        members.setdefault(source, []).append(prompt)
    return {source: _facts(some) for source, some in members.items()}


def example_facts(examples: pa.Table) -> dict[str, SourceFacts]:
    """The facts of each source, of the prompts among these examples (schemas.EXAMPLES)."""
    prompts = read_prompts(examples)
    return facts_by_source(prompts, prompt_sources(examples, prompts))


def merged_facts(parts: Iterable[Mapping[str, SourceFacts]]) -> dict[str, SourceFacts]:
    """Those of all parts together."""
    together: dict[str, SourceFacts] = {}
    for part in parts:
        for source, facts in part.items():
            together[source] = _sum(together[source], facts) if source in together else facts
    return together


def _facts(prompts: Sequence[Asked]) -> SourceFacts:
    truths = [unwrapped(prompt.truth) for prompt in prompts if prompt.truth is not None]
    boxes = [box for truth in truths for box in boxes_in(truth)]
    rewards = [one.reward for prompt in prompts for one in prompt.rollouts if one.reward is not None]
    return SourceFacts(
        Counter(map(_kind, truths)),
        len(boxes),
        sum(box[2] >= box[0] and box[3] >= box[1] for box in boxes),
        min(rewards, default=None),
        max(rewards, default=None),
    )


def _sum(left: SourceFacts, right: SourceFacts) -> SourceFacts:
    return SourceFacts(
        Counter(left.kinds) + Counter(right.kinds),
        left.boxes + right.boxes,
        left.ordered_boxes + right.ordered_boxes,
        min((value for value in (left.lowest, right.lowest) if value is not None), default=None),
        max((value for value in (left.highest, right.highest) if value is not None), default=None),
    )


def _kind(truth: str) -> Rule:
    """What kind of answer a ground truth is."""
    if number(truth) is not None:
        return "number"
    if len(truth) <= 3 and choice(truth, "")[0]:
        return "choice"
    if boxes_in(truth) and re.fullmatch(r"[\s\d.,()\[\]{}\-\"':a-z_|<>]*", truth):
        return "box"
    return "mathematics" if looks_mathematical(truth) else "string"
