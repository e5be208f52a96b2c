"""What of a group of rollouts was rewarded, and what was right."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt

from ops.prompts.answers import is_right
from ops.prompts.asked import Asked
from ops.prompts.rules import Ruled
from ops.prompts.truths import read_truth

_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Scored:
    """One rollout: its reward, whether that passes, and whether it answers with the ground truth; each null where it is
    not known."""

    reward: float | None
    passes: bool | None
    right: bool | None


def pass_marks(prompts: Sequence[Asked], sources: Sequence[str]) -> dict[str, float]:
    """The reward above which an answer passes, by source: midway between the lowest and the highest of its rewards;
    half a point where all are equal."""
    rewards: dict[str, list[float]] = defaultdict(list)
    for prompt, source in zip(prompts, sources, strict=True):
        rewards[source] += [one.reward for one in prompt.rollouts if one.reward is not None]
    return {
        source: (min(given) + max(given)) / 2 if min(given) < max(given) else 0.5
        for source, given in rewards.items()
        if given
    }


def scored(prompt: Asked, ruled: Ruled, mark: float | None) -> list[Scored]:
    """The prompt's rollouts."""
    truth = None
    if prompt.truth is not None and ruled.rule is not None:
        truth = read_truth(
            ruled.rule, prompt.truth, is_json=prompt.is_json, question=prompt.question, corners=ruled.corners
        )
    found: list[Scored] = []
    for one in prompt.rollouts:
        passes = None if one.reward is None or mark is None else one.reward > mark
        right = None if truth is None or one.response is None else is_right(one.response, truth, prompt.question)
        found.append(Scored(one.reward, passes, right))
    return found


def leading_share(group: Sequence[Scored]) -> float | None:
    """Of the pairs of a right and a wrong rollout, those whose right one has the higher reward, ties as half (the area
    under the ROC curve); None without both."""
    right = [one.reward for one in group if one.right and one.reward is not None]
    wrong = [one.reward for one in group if one.right is False and one.reward is not None]
    if not right or not wrong:
        return None
    points = [1.0 if good > bad else 0.5 if good == bad else 0.0 for good, bad in product(right, wrong)]
    return sum(points) / len(points)


def interval(passes: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share = passes / count
    spread = _Z * sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    middle, scale = share + _Z**2 / (2 * count), 1 + _Z**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
