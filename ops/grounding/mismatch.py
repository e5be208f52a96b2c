"""How many pairs of a delivery do not belong together, from the p-values of all: no single one needs to be sure.

The p-value of a pair whose image does not matter is uniform; that of a pair that belongs together is small. So the
p-values above a bound come from mismatched pairs, and from the few others that the encoder cannot tell: their number
over the number expected of mismatched pairs alone is the share of mismatched pairs, at most (Storey, "A direct approach
to false discovery rates", 2002; the bound with the least mean squared error, as in Storey, Taylor and Siegmund, 2004).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ops.core.accuracy import wilson

_BOUNDS = np.arange(0.5, 0.96, 0.05)
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The estimated share of mismatched pairs among `pairs`, with its 95 % interval, from p-values above `bound`."""

    pairs: int
    share: float
    low: float
    high: float
    bound: float


@dataclass(frozen=True, slots=True)
class Flags:
    """What a cut flags: `flagged` pairs with p at or above `cut`, `wrong` the share of them that belong together after
    all, with its interval; `caught` is the share of the mismatched pairs that are among them."""

    cut: float
    flagged: int
    wrong: float
    low: float
    high: float
    caught: float


def estimate_mismatch(rank: np.ndarray, compared: np.ndarray) -> Mismatch | None:
    """From each pair's rank among the `compared` + 1 images (n, integers): p = rank / (compared + 1). None without
    pairs. The interval is the wider of a bootstrap over pairs, the choice of the bound included, and Wilson's."""
    pairs = len(rank)
    if not pairs:
        return None
    size = compared.astype(np.float64) + 1
    expected = np.array([(1 - np.floor(bound * size + 1e-9) / size).mean() for bound in _BOUNDS])
    above = np.sum(rank[:, None] > _BOUNDS * size[:, None] + 1e-9, axis=1)
    counts = np.bincount(above, minlength=len(_BOUNDS) + 1)
    drawn = np.random.default_rng(0).multinomial(pairs, counts / pairs, size=_DRAWS)
    chosen = _choose(counts[None, :], expected)
    share = _shares(counts[None, :], expected)[0, chosen[0]]
    draws = np.take_along_axis(_shares(drawn, expected), _choose(drawn, expected)[:, None], axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    part = counts[chosen[0] + 1 :].sum() / pairs
    least, most = np.array(wilson(float(part), pairs)) / expected[chosen[0]]
    low, high = min(low, least), max(high, most)
    return Mismatch(pairs, min(1.0, share), min(1.0, low), min(1.0, high), float(_BOUNDS[chosen[0]]))


def expected_flags(rank: np.ndarray, compared: np.ndarray, *, cut: float, estimate: Mismatch) -> Flags:
    """What flagging p >= `cut` does, if `estimate` is the share of mismatched pairs. Where that is too high, the share
    flagged wrongly is too low."""
    size = compared.astype(np.float64) + 1
    flagged = int(np.sum(rank >= cut * size - 1e-9))
    caught = float((1 - (np.ceil(cut * size - 1e-9) - 1) / size).mean())
    wrong = [
        float(np.clip(1 - share * caught * len(rank) / max(flagged, 1), 0, 1)) if flagged else 0.0
        for share in (estimate.share, estimate.high, estimate.low)
    ]
    return Flags(cut, flagged, wrong[0], wrong[1], wrong[2], caught)


@dataclass(frozen=True, slots=True)
class Cut:
    """A rule that acts on pairs of at least `fewest_turns` turns whose p is at or above `p_value`."""

    rule: str
    p_value: float
    fewest_turns: int = 0


def cuts_of(rules: Sequence[Mapping[str, Any]], audit: str) -> list[Cut]:
    """The cuts on the audit's p-values among rules as a policy's configuration has them; the rules' further conditions
    flag fewer pairs still."""
    cuts: list[Cut] = []
    for rule in rules:
        bounds = {c["column"]: c["value"] for c in rule["when"] if c["comparison"] in (">=", ">")}
        if rule["audit"] == audit and "p_value" in bounds:
            cuts.append(Cut(rule["name"], float(bounds["p_value"]), int(bounds.get("turns", 0))))
    return cuts


def mismatch_notes(rank: np.ndarray, compared: np.ndarray, turns: np.ndarray, cuts: Sequence[Cut]) -> list[str]:
    """The estimates in words: for all pairs (n), and for those that each cut looks at."""
    whole = estimate_mismatch(rank, compared)
    if whole is None:
        return []
    notes = [
        f"Of {whole.pairs:,} conversations that could be judged, {_percent(whole)} do not belong to their image, as "
        "the p-values of all tell together (Storey, 2002); where the encoder tells pairs badly, fewer."
    ]
    for cut in cuts:
        within = turns >= cut.fewest_turns
        estimate = estimate_mismatch(rank[within], compared[within])
        if estimate is None:
            continue
        flags = expected_flags(rank[within], compared[within], cut=cut.p_value, estimate=estimate)
        notes.append(
            f"{cut.rule}: of the {estimate.pairs:,} with {cut.fewest_turns} turns or more, {flags.flagged:,} have a "
            f"p_value of {cut.p_value:g} or above. Of those, {flags.wrong:.0%} ({flags.low:.0%} to {flags.high:.0%}) "
            "are expected to belong to their image after all; of the mismatched ones, the cut finds "
            f"{flags.caught:.0%}."
        )
    return notes


def _percent(estimate: Mismatch) -> str:
    return f"an estimated {estimate.share:.1%} (95 % interval {estimate.low:.1%} to {estimate.high:.1%})"


def _shares(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Storey's estimate at each bound (m, bounds), from how many pairs lie above exactly so many of the bounds."""
    over = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return over / (counts.sum(axis=1, keepdims=True) * expected)


def _choose(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The bound (m) with the least mean squared error: its variance, and its distance from the lowest tenth of the
    estimates, which stands for the truth."""
    shares = _shares(counts, expected)
    pairs = counts.sum(axis=1, keepdims=True)
    part = np.clip(shares * expected, 0, 1)
    variance = part * (1 - part) / (pairs * expected**2)
    target = np.quantile(shares, 0.1, axis=1, keepdims=True)
    return np.argmin(variance + (shares - target) ** 2, axis=1)
