"""What of a group of rollouts was rewarded, and what was right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.accuracy import auroc
from ops.prompts.answers import is_right
from ops.prompts.asked import Asked, read_prompts
from ops.prompts.rules import Ruled, rules_of
from ops.prompts.sources import SourceFacts, facts_by_source, prompt_sources
from ops.prompts.truths import read_truth


@dataclass(frozen=True, slots=True)
class Scored:
    """One rollout: its reward, whether that passes, and whether it answers with the ground truth; each null where it is
    not known."""

    reward: float | None
    passes: bool | None
    right: bool | None


def scored(prompt: Asked, ruled: Ruled, mark: float | None) -> list[Scored]:
    """The prompt's rollouts."""
    truth = None
    if prompt.truth is not None and ruled.rule is not None:
        truth = read_truth(
            ruled.rule, prompt.truth, is_json=prompt.is_json, question=prompt.question, corners=ruled.corners
        )
    scores: list[Scored] = []
    for rollout in prompt.rollouts:
        passes = None if rollout.reward is None or mark is None else rollout.reward > mark
        right = (
            None if truth is None or rollout.response is None else is_right(rollout.response, truth, prompt.question)
        )
        scores.append(Scored(rollout.reward, passes, right))
    return scores


@dataclass(frozen=True, slots=True)
class ScoredPrompt:
    """A prompt with its scored rollouts: its key, the rule of its ground truth, and the reward above which an answer
    passes."""

    key: Mapping[str, str]
    ruled: Ruled
    mark: float | None
    rollouts: list[Scored]


def scored_prompts(
    examples: pa.Table,
    *,
    pass_mark: float | None,
    rules: Mapping[str, str],
    facts: Mapping[str, SourceFacts] | None = None,
) -> Iterator[ScoredPrompt]:
    """The prompts among the examples (schemas.EXAMPLES). `pass_mark` stands for the marks of their sources; `rules` and
    `facts` are those that `rules_of` takes."""
    prompts = read_prompts(examples)
    keys = examples.select(["delivery", "example_id", "dataset"]).to_pylist()
    datasets = [keys[prompt.row]["dataset"] or "" for prompt in prompts]
    sources = prompt_sources(examples, prompts)
    known = facts_by_source(prompts, sources) if facts is None else facts
    ruled = rules_of(prompts, datasets, rules, known)
    for prompt, rule, source in zip(prompts, ruled, sources, strict=True):
        key = {name: keys[prompt.row][name] for name in ("delivery", "example_id")}
        mark = known[source].pass_mark if pass_mark is None else pass_mark
        yield ScoredPrompt(key, rule, mark, scored(prompt, rule, mark))


def leading_share(group: Sequence[Scored]) -> float | None:
    """Of the pairs of a right and a wrong rollout, those whose right one has the higher reward, ties as half (the area
    under the ROC curve); None without both."""
    right = [one.reward for one in group if one.right and one.reward is not None]
    wrong = [one.reward for one in group if one.right is False and one.reward is not None]
    return auroc(np.array(right), np.array(wrong))
