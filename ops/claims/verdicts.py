"""A claim's verdict from its two witnesses: the pixels where they tell, else the encoder where it may be heard."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ops.claims.foils import MadeClaim
from ops.claims.texts import Claim
from ops.claims.witnesses import CONTRADICTED, SUPPORTED, Preferences, Sight

ABSTAINED = "abstained"
_SCORE_MARGIN = 0.3  # standard deviations: the softness with which a margin becomes a score


@dataclass(frozen=True, slots=True)
class EncoderCuts:
    """When the encoder takes a side: a `margin` and a `denied_fit`, in standard deviations. It is heard on a dataset's
    claims of one kind where these are at least `fewest_claims`, it takes a side on a share of at least `decided`, and
    agrees with a share of at least `agreement` of those."""

    margin: float
    denied_fit: float
    fewest_claims: int
    decided: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whether the encoder is heard on a claim, and the share that it agrees with of the claims of the same dataset and
    kind on which it takes a side; None where it takes none."""

    is_heard: bool = False
    agreed_share: float | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """What the encoder says of one claim that it could be asked about (ops.claims.witnesses.Preferences), with the best
    foil's text; `is_polar` where the claim's one foil is the opposite answer."""

    margin: float
    blind_margin: float
    fit: float
    foil: str
    is_polar: bool

    def against(self) -> float:
        """0..1: by the fit where there is but the opposite to compare with, for encoders carry a "no" badly."""
        return 1 / (1 + float(np.exp(min(50.0, self.fit if self.is_polar else self.margin / _SCORE_MARGIN))))


@dataclass(frozen=True, slots=True)
class Verdict:
    """`verdict` is supported, contradicted or abstained (`why` then says why, and no `witness` is named); `score` in
    0..1 orders claims by the evidence against them, None without any."""

    verdict: str
    witness: str | None
    why: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Sides:
    """Of some claims: on how many the encoder was asked, on how many it takes a side, and how many it agrees with."""

    asked: int = 0
    taken: int = 0
    agreed: int = 0

    def __add__(self, other: "Sides") -> "Sides":
        return Sides(self.asked + other.asked, self.taken + other.taken, self.agreed + other.agreed)


#: A dataset, and a kind of claim.
Kind = tuple[str | None, str]


def sides_taken(
    made: Sequence[MadeClaim], datasets: Sequence[str | None], margins: np.ndarray, cuts: EncoderCuts
) -> dict[Kind, Sides]:
    """Those of the claims, by their margins (n, NaN where the encoder was not asked)."""
    sides: defaultdict[Kind, Sides] = defaultdict(Sides)
    for claim, margin in zip(made, margins.tolist(), strict=True):
        if margin == margin:
            sides[datasets[claim.row], claim.claim.kind] += Sides(1, abs(margin) > cuts.margin, margin > cuts.margin)
    return dict(sides)


def hearings(
    made: Sequence[MadeClaim], datasets: Sequence[str | None], sides: Mapping[Kind, Sides], cuts: EncoderCuts
) -> list[Hearing]:
    """The hearing of each claim (n), by the sides that the encoder takes in the delivery."""
    heard = {kind: _hearing(taken, cuts) for kind, taken in sides.items()}
    return [heard.get((datasets[claim.row], claim.claim.kind), Hearing()) for claim in made]


def _hearing(sides: Sides, cuts: EncoderCuts) -> Hearing:
    agreed = sides.agreed / sides.taken if sides.taken else None
    is_heard = sides.asked >= cuts.fewest_claims and sides.taken >= cuts.decided * sides.asked
    return Hearing(is_heard and agreed is not None and agreed >= cuts.agreement, agreed)


def preference_of(preferences: Preferences, n: int, claim: Claim, foils: Sequence[str]) -> Preference | None:
    """The n-th preference; None where the encoder was not asked."""
    if not np.isfinite(preferences.margin[n]):
        return None
    figures = (float(values[n]) for values in (preferences.margin, preferences.blind, preferences.fit))
    return Preference(*figures, foil=foils[int(preferences.foil[n])], is_polar=len(claim.foils) == 1)


def decide(
    claim: MadeClaim, sight: Sight, preference: Preference | None, hearing: Hearing, cuts: EncoderCuts
) -> Verdict:
    """The verdict on one claim; where the two witnesses disagree it abstains."""
    side = _side(claim.claim, preference, hearing, cuts)
    disagree = bool(sight.verdict and side and sight.verdict != side)
    score = _score(sight, preference)
    if disagree or not (sight.verdict or side):
        return Verdict(ABSTAINED, None, _why(claim, preference, hearing, disagree=disagree), score)
    return Verdict(sight.verdict or side, "pixels" if sight.verdict else "encoder", None, score)


def _side(claim: Claim, preference: Preference | None, hearing: Hearing, cuts: EncoderCuts) -> str:
    """What the encoder says, where it may say anything."""
    if preference is None:
        return ""
    if hearing.is_heard and abs(preference.margin) > cuts.margin:
        return SUPPORTED if preference.margin > 0 else CONTRADICTED
    return CONTRADICTED if claim.is_denied and -preference.fit >= cuts.denied_fit else ""


def _score(sight: Sight, preference: Preference | None) -> float | None:
    """The pixels' where they tell; else the mean of what both say."""
    if sight.against is not None and (sight.verdict or preference is None):
        return sight.against
    if preference is None:
        return None
    return preference.against() if sight.against is None else (sight.against + preference.against()) / 2


def _why(claim: MadeClaim, preference: Preference | None, hearing: Hearing, *, disagree: bool) -> str:
    if disagree:
        return "the pixels and the encoder disagree"
    if len(claim.images) != 1:
        return "several images"
    if preference is None:
        return "no foil to compare with, no vector for a text or the image, or too few others"
    if hearing.is_heard:
        return "neither the pixels nor the encoder take a side"
    return "the encoder does not carry this kind of claim in this dataset, or too many of them are false"
