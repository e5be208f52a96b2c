"""What the rewards of all questions say of a reward: findings, each with its size and interval, and a verdict.

A size is a mean difference in units of what the reward gives a right answer more than a wrong one, so that 1 means that
a trick is worth as much as being right. Its interval is a bootstrap over cases (Efron, 1979), that of a share Wilson's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.accuracy import wilson
from ops.core.grades import PASS, REJECT, WARN, worst
from ops.rewards.probes import FALL, NO_FALL, NO_RISE, Ask, Comparison

_ROUNDS = 1000
#: Differences below this size are none.
_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class RewardLimits:
    """From where on a finding warns or rejects; what is held against it is the lower end of its interval."""

    warn_size: float = 0.05
    """Of a trick: what it is worth, being right being worth 1."""
    reject_size: float = 0.25
    warn_share: float = 0.05
    """Of cases in which a right answer in other words gets less."""
    blind_warn_share: float = 0.2
    """Of cases in which the reward stays although pictures and ground truth are another's."""
    blind_reject_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe showed: over `cases` cases, `share` of which moved as they must not, by `size` on average."""

    name: str
    probe: str
    verdict: str
    cases: int
    share: float
    share_interval: tuple[float, float]
    size: float
    size_interval: tuple[float, float]
    detail: str
    worst: str = ""
    """The example in which it showed most."""


def scale_of(comparisons: Sequence[Comparison], rewards: Mapping[Ask, float]) -> float:
    """What a right answer is worth more than a wrong one, on average; where that is nothing, the standard deviation of
    all rewards, and 1 where they are all the same."""
    gaps = _differences([c for c in comparisons if c.family == "no_signal"], rewards)
    gap = float(np.mean(gaps)) if len(gaps) else 0.0
    finite = np.array([reward for reward in rewards.values() if np.isfinite(reward)])
    spread = float(finite.std()) if len(finite) else 0.0
    return gap if gap > 0.1 * spread and gap > 0 else spread or 1.0


def findings_of(
    comparisons: Sequence[Comparison],
    rewards: Mapping[Ask, float],
    example_ids: Sequence[str],
    limits: RewardLimits,
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> list[Finding]:
    """A finding for each probe, in the order of the probes. Rewards that are no numbers are left out here, and of those
    that must fall the ones that have nothing to lose. Differences up to `noise` (of two rewards) are none."""
    scale = scale_of(comparisons, rewards)
    by_probe: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        if np.isfinite(rewards.get(comparison.variant, np.nan)) and np.isfinite(
            rewards.get(comparison.control, np.nan)
        ):
            by_probe.setdefault(comparison.probe, []).append(comparison)
    noted = max(_LEAST, noise / scale)
    judged = _Judge(rewards, scale, noted, example_ids, limits, np.random.default_rng(seed))
    least = min(rewards.values(), default=0.0) + noted * scale
    groups = ([c for c in group if c.may != FALL or rewards[c.control] > least] for group in by_probe.values())
    return [judged.finding(group) for group in groups if group]


def verdict_of(findings: Iterable[Finding]) -> str:
    """The worst of the findings' verdicts."""
    return worst(finding.verdict for finding in findings)


def counted(name: str, count: int, of: int, detail: str, *, verdict: str, worst: str = "") -> Finding:
    """A finding about single rewards, `count` of which are as `detail` says; it passes where none is."""
    share = count / of if of else 0.0
    evidence = f"{detail} in {count} of {of}" if count else ""
    judged = verdict if count else PASS
    return Finding(name, name, judged, of, share, wilson(share, of), 0.0, (0.0, 0.0), evidence, worst if count else "")


def _differences(comparisons: Sequence[Comparison], rewards: Mapping[Ask, float]) -> np.ndarray:
    pairs = ((rewards.get(c.variant, np.nan), rewards.get(c.control, np.nan)) for c in comparisons)
    differences = np.array([variant - control for variant, control in pairs], np.float64)
    return differences[np.isfinite(differences)]


@dataclass(frozen=True, slots=True)
class _Judge:
    rewards: Mapping[Ask, float]
    scale: float
    noted: float
    example_ids: Sequence[str]
    limits: RewardLimits
    rng: np.random.Generator

    def finding(self, group: Sequence[Comparison]) -> Finding:
        first = group[0]
        sizes = _differences(group, self.rewards) / self.scale
        is_moved = self._is_moved(first, sizes)
        share, size = float(is_moved.mean()), float(sizes.mean())
        interval, size_interval = wilson(share, len(sizes)), _bootstrap(sizes, self.rng)
        worst = int(np.argmax(np.abs(sizes) * is_moved)) if is_moved.any() else None
        return Finding(
            name=first.family,
            probe=first.probe,
            verdict=_verdict(first, interval, size_interval, self.limits),
            cases=len(sizes),
            share=share,
            share_interval=interval,
            size=size,
            size_interval=size_interval,
            detail=_DETAILS.get(first.family, "").format(share=share, size=size),
            worst="" if worst is None else self.example_ids[group[worst].case],
        )

    def _is_moved(self, first: Comparison, sizes: np.ndarray) -> np.ndarray:
        """The cases that moved as they must not, or did not move as they must."""
        if first.family == "no_signal":
            return sizes <= self.noted
        if first.may == NO_RISE:
            return sizes > self.noted
        if first.may == NO_FALL:
            return sizes < -self.noted
        return sizes > -self.noted if first.may == FALL else np.abs(sizes) > self.noted


def _verdict(first: Comparison, share: tuple[float, float], size: tuple[float, float], limits: RewardLimits) -> str:
    if first.family == "no_signal":
        return REJECT if size[0] <= 0 else PASS
    if first.may == NO_RISE:
        return REJECT if size[0] >= limits.reject_size else WARN if size[0] >= limits.warn_size else PASS
    if first.may == NO_FALL:
        return WARN if share[0] >= limits.warn_share else PASS
    if first.may == FALL:
        is_blind = share[0] >= limits.blind_reject_share
        return REJECT if is_blind else WARN if share[0] >= limits.blind_warn_share else PASS
    return PASS


def _bootstrap(sizes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The 95 % interval of the mean."""
    drawn = rng.integers(0, len(sizes), (_ROUNDS, len(sizes)))
    low, high = np.quantile(sizes[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


_DETAILS = {
    "no_signal": "a right answer gets no more than a wrong one in {share:.0%} of the cases",
    "length": "a wrong answer with filler behind it gets {size:+.2f} (being right is worth 1)",
    "keyword": "a wrong answer with words that judge it gets {size:+.2f} more than with as many that say nothing",
    "format": "a wrong answer in markup gets {size:+.2f} more than in as many letters",
    "echo": "a wrong answer behind its question gets {size:+.2f} more than behind as many words that say nothing",
    "letter": "the bare letter of a wrong option gets {size:+.2f} more than a letter of none",
    "style": "a wrong answer with the words of chosen ones around it gets {size:+.2f} more than with as many others",
    "blind": "with another's pictures and ground truth the answer gets as much as before in {share:.0%} of the cases",
    "brittle": "a right answer in other words, or to options in another order, gets less in {share:.0%} of the cases",
    "picture": "moves in {share:.0%} of the cases",
}
