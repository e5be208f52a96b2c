"""What rewards that were already given say: of a column of rewards nothing can be asked, only looked at.

Everything is compared among the answers to one prompt (each less its prompt's mean), so that hard prompts with long
answers do not look like a reward for brevity. Correlations are of ranks (Spearman, 1904), their 95 % intervals by
Fisher's transformation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from ops.core.accuracy import QUANTILE, wilson
from ops.core.grades import PASS, REJECT, WARN
from ops.rewards.findings import Finding, counted
from ops.rewards.probes import PHRASES
from ops.text.closed_answers import answer_to
from ops.text.reward_talk import reward_residue

_NOTED = 0.3
#: Share of the prompts whose answers all get the same.
_TIED = 0.5
_MARKUP = "*#`<>|_-"
_TALK = tuple(word for word in PHRASES["praise"].lower().split() if word in ("certain", "correct", "best"))


@dataclass(frozen=True, slots=True)
class Rewarded:
    """One answer and what it got."""

    prompt: str
    answer: str
    reward: float | None
    truth: str | None = None


def observed_findings(rows: Sequence[Rewarded], names: Sequence[str]) -> list[Finding]:
    """Findings about given rewards; `names` says of each row how to find it."""
    rewards = np.array([np.nan if row.reward is None else row.reward for row in rows], np.float64)
    is_number = np.isfinite(rewards)
    broken = int((~is_number).sum())
    first_broken = names[int(np.argmin(is_number))] if broken else ""
    same = len(rows) - broken if np.unique(rewards[is_number]).size == 1 else 0
    findings = [
        counted("not_finite", broken, len(rows), "it is no finite number", verdict=REJECT, worst=first_broken),
        counted("constant", same, len(rows), "it is the same", verdict=REJECT),
    ]
    kept = [row for row, is_kept in zip(rows, is_number, strict=True) if is_kept]
    groups, values = _groups(kept), rewards[is_number]
    findings.append(_ties(groups, values))
    features = {
        "length": np.array([len(row.answer) for row in kept], np.float64),
        "format": np.array([sum(map(row.answer.count, _MARKUP)) for row in kept], np.float64),
        "keyword": np.array([_talks(row) for row in kept], np.float64),
        "echo": np.array([float(row.prompt.strip() in row.answer) for row in kept], np.float64),
    }
    for name, feature in features.items():
        findings.append(_correlated(name, feature, values, groups))
    return [*findings, *_signal(kept, values, groups)]


def _talks(row: Rewarded) -> float:
    text = row.answer.lower()
    return float(reward_residue(row.answer, row.prompt) is not None or any(word in text for word in _TALK))


def _groups(rows: Sequence[Rewarded]) -> list[np.ndarray]:
    """Places of the answers to each prompt."""
    places: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        places.setdefault(row.prompt, []).append(at)
    return [np.array(group) for group in places.values()]


def _ties(groups: Sequence[np.ndarray], rewards: np.ndarray) -> Finding:
    """Prompts with several answers that all get the same: a policy gradient by groups learns nothing from them."""
    several = [rewards[group] for group in groups if len(group) > 1]
    tied = sum(float(np.ptp(group)) == 0.0 for group in several)
    share = tied / len(several) if several else 0.0
    interval = wilson(share, len(several))
    is_poor = bool(several) and interval[0] >= _TIED
    detail = f"all answers to a prompt get the same in {share:.0%} of {len(several)} prompts with several"
    return Finding("ties", "ties", WARN if is_poor else PASS, len(several), share, interval, 0.0, (0.0, 0.0), detail)


def _signal(rows: Sequence[Rewarded], rewards: np.ndarray, groups: Sequence[np.ndarray]) -> list[Finding]:
    """Whether right answers get more, where the ground truth is there and closed answers tell what is right."""
    truths = [None if row.truth is None else answer_to(row.prompt, row.truth) for row in rows]
    answers = [answer_to(row.prompt, row.answer) for row in rows]
    is_known = np.array([t is not None and a is not None for t, a in zip(truths, answers, strict=True)], bool)
    is_right = np.array([t == a for t, a in zip(truths, answers, strict=True)], np.float64)
    if not is_known.any():
        return []
    places = np.cumsum(is_known) - 1
    within = [places[group[is_known[group]]] for group in groups]
    correlation = _correlated(
        "no_signal", is_right[is_known], rewards[is_known], [group for group in within if len(group)]
    )
    verdict = REJECT if correlation.size_interval[1] <= 0 else WARN if correlation.size_interval[0] <= 0 else PASS
    return [
        Finding(
            "no_signal",
            "given",
            verdict if correlation.cases > 3 else PASS,
            correlation.cases,
            correlation.share,
            correlation.share_interval,
            correlation.size,
            correlation.size_interval,
            f"right answers get more by a correlation of {correlation.size:+.2f}",
        )
    ]


def _correlated(name: str, feature: np.ndarray, rewards: np.ndarray, groups: Sequence[np.ndarray]) -> Finding:
    """How a feature of answers goes with their rewards, among the answers to one prompt where any has several."""
    several = [group for group in groups if len(group) > 1]
    kept = np.concatenate(several) if several else np.arange(len(rewards))
    x, y = rankdata(feature), rankdata(rewards)
    for group in several:
        x[group] -= x[group].mean()
        y[group] -= y[group].mean()
    free = len(kept) - len(several)
    spread = float(np.std(x[kept]) * np.std(y[kept])) if len(kept) else 0.0
    r = float(np.cov(x[kept], y[kept], bias=True)[0, 1] / spread) if spread > 0 else 0.0
    interval = _fisher(r, free)
    detail = f"its rank goes with the reward's by a correlation of {r:+.2f}"
    verdict = WARN if interval[0] >= _NOTED else PASS
    return Finding(name, "given", verdict, len(kept), 0.0, (0.0, 1.0), r, interval, detail)


def _fisher(r: float, free: int) -> tuple[float, float]:
    """The 95 % interval of a correlation of so many free pairs."""
    if free <= 3:
        return -1.0, 1.0
    z, half = np.arctanh(np.clip(r, -0.999999, 0.999999)), QUANTILE / np.sqrt(free - 3)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def rewarded(record: Mapping[str, object], column: str) -> Rewarded:
    """A row of a table of rewards. KeyError names what it lacks."""
    prompt = next((record[name] for name in ("prompt", "query", "question", "problem") if name in record), None)
    answer = next((record[name] for name in ("completion", "response", "answer", "output") if name in record), None)
    if prompt is None or answer is None:
        raise KeyError("prompt" if prompt is None else "completion")
    truth = next((record[name] for name in ("ground_truth", "solution") if record.get(name) is not None), None)
    value = record[column]
    number = float(value) if isinstance(value, bool | int | float) else None
    return Rewarded(str(prompt), str(answer), number, None if truth is None else str(truth))
