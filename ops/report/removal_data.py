"""What the report shows of removals by group."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemovalRow:
    """What a version removed of a group of the sampled examples: how many times the odds of the rest of its source it
    had, with the 95 % interval; the middle 95 % of what random removals of the same size give; the p-value, corrected
    for the number of groups; who lets it pass, why and until when; and what is found of its canaries."""

    family: str
    group: str
    examples: int
    removed: int
    odds_ratio: float
    odds_low: float
    odds_high: float
    random_low: float
    random_high: float
    p_value: float
    override: str
    canaries: str = ""
