"""Figures of a report that are of no version: what audits said of fine-tuned towers and of rewards."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """An audited checkpoint: when, how it was judged, what of its last layer is kept, the share of pictures whose text
    it and its baseline find (None of a tower without texts), what was wrong and what to do, in words."""

    at: str
    checkpoint: str
    baseline: str
    verdict: str
    kept: float
    retrieval: float | None
    retrieval_before: float | None
    faults: tuple[str, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RewardRow:
    """A reward that was tried on questions of the lake: when, how it was judged, of how many questions (`visual` of
    them with pictures), and what was wrong, in words, each with the example in which it showed most."""

    at: str
    reward: str
    verdict: str
    cases: int
    visual: int
    faults: tuple[str, ...]
