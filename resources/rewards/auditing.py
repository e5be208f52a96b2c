"""The audit of a reward on a lake's own questions: cases are drawn, all that is to be asked is asked, and judged.

lake (examples, images) -> cases -> comparisons -> questions, each asked once -> rewards -> findings -> verdict
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pyarrow as pa

from ops.core.arrow import list_members, values_of
from ops.core.errors import UnusableError
from ops.core.grades import PASS, REJECT, WARN
from ops.core.schemas import EXAMPLES
from ops.rewards.cases import Case, cases_of
from ops.rewards.findings import Finding, RewardLimits, counted, findings_of, verdict_of
from ops.rewards.probes import Ask, comparisons
from resources.engines.progress import Progress
from resources.lake.tables import Lake
from resources.rewards.contamination import contamination
from resources.rewards.drawing import draw_rows
from resources.rewards.function import RewardFailureError
from resources.rewards.pictures import vectors_of, write_pictures

_BATCH = 32
#: Questions that are asked again: all at once, and each alone.
_ASKED_AGAIN = 48
_COLUMNS = ("delivery", "example_id", "dataset", "kind", "messages", "image_ids")


class Reward(Protocol):
    """What can be asked for rewards, in batches."""

    def rewards(self, rows: Sequence[Mapping[str, object]]) -> list[float | None]:
        """Rewards of rows (`prompt`, `question`, `completion`, `ground_truth`, `images` as paths, `data_source`).
        Raises RewardFailureError."""
        ...


@dataclass(frozen=True, slots=True)
class RewardAudit:
    """What came of it: the verdict, the findings, how many cases and questions, and which tricks are named."""

    verdict: str
    findings: tuple[Finding, ...]
    cases: int
    visual_cases: int
    questions: int

    @property
    def named(self) -> list[str]:
        """The faults of the reward: names of the findings that warn or reject."""
        return sorted({finding.name for finding in self.findings if finding.verdict != PASS})

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "verdict": self.verdict,
            "named": self.named,
            "cases": self.cases,
            "visual_cases": self.visual_cases,
            "questions": self.questions,
            "findings": [asdict(finding) for finding in self.findings],
        }


def draw_examples(lake: Lake, deliveries: Sequence[str], count: int, *, seed: int) -> pa.Table:
    """`count` examples of the deliveries."""
    return draw_rows(lake, EXAMPLES, _COLUMNS, {"delivery": list(deliveries)}, count, seed=seed)


def audit_reward(
    reward: Reward,
    lake: Lake,
    examples: pa.Table,
    *,
    template: str = "{answer}",
    limits: RewardLimits | None = None,
    progress: Progress,
    seed: int = 0,
) -> RewardAudit:
    """Ask a reward about drawn examples (`draw_examples`) and judge it. UnusableError where they hold no question with
    a right answer."""
    pictures = values_of(list_members(examples["image_ids"]), str)
    cases = cases_of(examples, seed=seed, vectors=vectors_of(lake, pictures))
    if not cases:
        raise UnusableError("no example drawn has a question with an answer; name a lake that has some with --lake")
    asked = list(comparisons(cases, template))
    asks = list(dict.fromkeys(ask for c in asked for ask in (c.variant, c.control)))
    limits = limits or RewardLimits()
    with TemporaryDirectory(prefix="assay-reward-") as folder:
        asking = _Asking(reward, cases, write_pictures(lake, asks, Path(folder)))
        rewards, failures = asking.all(asks, progress)
        ids = [case.example_id for case in cases]
        steady = _steadiness(asking, [ask for ask in asks if ask in rewards][:: max(1, len(asks) // _ASKED_AGAIN)])
        findings = findings_of(asked, _finite(rewards), ids, limits, noise=steady.noise, seed=seed)
        findings += [*_values(rewards, failures, ids), *steady.findings, *contamination(lake, examples)]
    return RewardAudit(verdict_of(findings), tuple(findings), len(cases), sum(bool(c.images) for c in cases), len(asks))


@dataclass(frozen=True, slots=True)
class _Asking:
    reward: Reward
    cases: Sequence[Case]
    pictures: Mapping[str, str]

    def all(self, asks: Sequence[Ask], progress: Progress) -> tuple[dict[Ask, float | None], dict[Ask, str]]:
        """Rewards, and what the reward raised, of each question. A batch that fails is asked one by one."""
        rewards: dict[Ask, float | None] = {}
        failures: dict[Ask, str] = {}
        with progress.track("Ask the reward", len(asks)) as advance:
            for batch in _batches(asks):
                try:
                    rewards.update(zip(batch, self.batch(batch), strict=True))
                except RewardFailureError:
                    self._singly(batch, rewards, failures)
                advance(len(batch))
        return rewards, failures

    def batch(self, asks: Sequence[Ask]) -> list[float | None]:
        """Rewards of questions asked together."""
        return self.reward.rewards([self._row(ask) for ask in asks])

    def _singly(self, asks: Sequence[Ask], rewards: dict[Ask, float | None], failures: dict[Ask, str]) -> None:
        for ask in asks:
            try:
                rewards[ask] = self.batch([ask])[0]
            except RewardFailureError as failure:
                failures[ask] = str(failure)

    def _row(self, ask: Ask) -> dict[str, object]:
        case = self.cases[ask.case]
        question = ask.question or case.question
        return {
            "prompt": [{"role": role, "content": text} for role, text in _asking(case.prompt, question)],
            "question": question,
            "completion": ask.completion,
            "ground_truth": ask.ground_truth,
            "images": [self.pictures[name] for name in ask.images],
            "data_source": case.data_source,
        }


def _asking(prompt: Sequence[tuple[str, str]], question: str) -> list[tuple[str, str]]:
    """The conversation with this as its last question."""
    last = max(at for at, (role, _) in enumerate(prompt) if role == "user")
    return [*prompt[:last], ("user", question), *prompt[last + 1 :]]


def _batches(asks: Sequence[Ask]) -> Iterator[list[Ask]]:
    """Batches of `_BATCH` questions and more: those of a case stay together, so that a reward that goes by its batch
    treats what is compared alike."""
    batch: list[Ask] = []
    for _, of_case in groupby(asks, key=lambda ask: ask.case):
        batch.extend(of_case)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _finite(rewards: Mapping[Ask, float | None]) -> dict[Ask, float]:
    return {ask: reward for ask, reward in rewards.items() if reward is not None and math.isfinite(reward)}


def _values(rewards: Mapping[Ask, float | None], failures: Mapping[Ask, str], ids: Sequence[str]) -> list[Finding]:
    """Findings about the rewards themselves: exceptions, values that are no numbers, one value for all."""
    of = len(rewards) + len(failures)
    broken = [ask for ask, reward in rewards.items() if reward is None or not math.isfinite(reward)]
    same = list(rewards) if len(set(_finite(rewards).values())) == 1 else []
    raised = f"it raised {next(iter(failures.values()), '')}"
    kinds = (
        ("exception", list(failures), raised),
        ("not_finite", broken, "it gave no finite number"),
        ("constant", same, "it gave the same number"),
    )
    return [
        counted(name, len(asks), of, detail, verdict=REJECT, worst=_first(asks, ids)) for name, asks, detail in kinds
    ]


@dataclass(frozen=True, slots=True)
class _Steadiness:
    """What asking again gave: `noise` is the largest difference of a batch asked twice."""

    noise: float
    findings: tuple[Finding, ...]


def _steadiness(asking: _Asking, asks: Sequence[Ask]) -> _Steadiness:
    """Some questions asked again: in the same batch twice, and each alone."""
    if not asks:
        return _Steadiness(0.0, ())
    ids = [case.example_id for case in asking.cases]
    try:
        first, again = asking.batch(asks), asking.batch(asks)
        alone = [asking.batch([ask])[0] for ask in asks]
    except RewardFailureError:
        return _Steadiness(0.0, ())  # Told as `exception`.
    unsteady = [ask for ask, a, b in zip(asks, first, again, strict=True) if not _equal(a, b)]
    by_batch = [ask for ask, a, b in zip(asks, first, alone, strict=True) if not _equal(a, b)]
    apart = [abs(a - b) for a, b in zip(first, again, strict=True) if a is not None and b is not None]
    twice, together = "asked twice, it gave another reward", "asked alone, it gave another reward than in a batch"
    findings = (
        counted("nondeterministic", len(unsteady), len(asks), twice, verdict=WARN, worst=_first(unsteady, ids)),
        # Of a reward that is not steady anyhow this cannot be told.
        counted(
            "batch_dependent",
            0 if unsteady else len(by_batch),
            len(asks),
            together,
            verdict=REJECT,
            worst=_first(by_batch, ids),
        ),
    )
    return _Steadiness(max((d for d in apart if math.isfinite(d)), default=0.0), findings)


def _first(asks: Sequence[Ask], ids: Sequence[str]) -> str:
    """The example of the first of the questions."""
    return ids[asks[0].case] if asks else ""


def _equal(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(first) and math.isnan(second))
