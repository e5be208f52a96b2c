"""How likely a fault is that an audit tests for: from the p-values of many units of a delivery, such as its files.

Units without the fault have p-values that are as likely anywhere, or lie rather too high; those with it have low ones.
So two groups are fitted to them: the sound ones, uniform, which need no fit, and the faulty ones, whose density is
`power` p^(`power` - 1), so that it falls with p (Pounds and Morris, "Estimating the occurrence of false positives and
false negatives in microarray studies", 2003). A unit's chance is one less its local false discovery rate (Efron, 2008).
Above a half p-values count only as being there: sound ones may heap up at 1, which says nothing of the others.

Share and power have a prior and are summed over, on a grid, so that a single low p-value of a small delivery does not
vouch for itself. Of p-values that lie too high the share is told too low rather than too high, as it is of faulty units
whose p-value is like that of sound ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

FEWEST_UNITS = 60
"""Three times the 20 sound units that the prior of the share stands for: if none of so many is faulty the share is at
most a twentieth (95 %), which is the prior's own mean, so that from there on it is the delivery that tells."""
#: The share of faulty units before any is seen: a beta distribution, its mean 1 in 21, as that of wrong images.
_PRIOR = (1.0, 20.0)
#: Log odds of the share, and powers, that are tried. A faulty unit's p-value is, in the middle, half to the power of
#: 1 / power: from a sixteenth down to what no float holds.
_ODDS = np.linspace(-9.0, 2.0, 111)
_POWERS = np.geomspace(1 / 300, 1 / 4, 40)
_ALIKE = 0.5  # from where on p-values count only as being there
_DRAWS = 400
_DIGITS = 2  # of minus the logarithm of a p-value, so that many units cost no more than some


@dataclass(frozen=True, slots=True)
class PValueModel:
    """What was fitted to the p-values of `own` units: the most likely `shares` of faulty ones and `powers` (n, n), each
    pair as likely as any other. `share`, with its 95 % interval. `why` it tells nothing is empty where it does."""

    own: int
    shares: tuple[float, ...] = ()
    powers: tuple[float, ...] = ()
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan
    why: str = ""

    def chances(self, ids: Sequence[str], scores: np.ndarray) -> np.ndarray:
        """How likely what has that score, minus its p-value, has the fault, and the ends of the 95 % interval (3, n);
        NaN without a score, and of all where the model tells nothing. Ids (n) decide nothing."""
        likely = np.full((3, len(ids)), np.nan)
        known = np.isfinite(scores)
        if self.why or not known.any():
            return likely
        levels, place = np.unique(_surprise(-scores[known]), return_inverse=True)
        shares, powers = np.array(self.shares)[:, None], np.array(self.powers)[:, None]
        drawn = expit(np.log(shares) - np.log1p(-shares) + _log_ratio(levels, powers))
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        likely[:, known] = np.stack([drawn.mean(axis=0), low, high])[:, place]
        return likely


def fit_p_values(p_values: np.ndarray) -> PValueModel:
    """The model of the units' p-values (n), all above 0."""
    units = len(p_values)
    if units < FEWEST_UNITS:
        return PValueModel(units, why=f"{units} p-values, and {FEWEST_UNITS} are asked for")
    levels, counts = np.unique(np.round(_surprise(p_values), _DIGITS), return_counts=True)
    log_share, log_rest = -np.logaddexp(0.0, -_ODDS), -np.logaddexp(0.0, _ODDS)
    # Of log odds, so that their own density, share (1 - share), comes to the prior's.
    prior = _PRIOR[0] * log_share + _PRIOR[1] * log_rest
    posterior = np.stack(
        [
            np.logaddexp(log_rest[:, None], log_share[:, None] + _log_ratio(levels, power)) @ counts + prior
            for power in _POWERS
        ]
    )
    below = np.cumsum(np.exp(posterior - posterior.max()))
    drawn = np.searchsorted(below, (np.arange(_DRAWS) + 0.5) / _DRAWS * float(below[-1]))
    power, odds = np.divmod(drawn, len(_ODDS))
    shares = expit(_ODDS[odds])
    low, high = np.quantile(shares, [0.025, 0.975])
    fitted = tuple(shares.tolist()), tuple(_POWERS[power].tolist())
    return PValueModel(units, *fitted, float(shares.mean()), float(low), float(high))


def _surprise(p_values: np.ndarray) -> np.ndarray:
    """Minus their logarithms, 0 of those that count only as being there (n)."""
    return np.where(p_values < _ALIKE, -np.log(p_values), 0.0)


def _log_ratio(surprise: np.ndarray, power: np.ndarray | float) -> np.ndarray:
    """Logarithm of how much likelier that is of a faulty unit than of a sound one."""
    alike = np.log(-np.expm1(np.log(_ALIKE) * power) / (1 - _ALIKE))
    return np.where(surprise > 0, np.log(power) + (1 - power) * surprise, alike)
