"""Guards: limits on what a delivery or a candidate version may lose, and the figures they are held against."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from ops.canaries.comparisons import KINDS
from ops.canaries.damage import FAULTS


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Limits of the gates; shares of 1. A gate that fails leaves the published version as it is."""

    quarantine_limit: float = 0.05
    """Rows of a delivery that may be unusable before the delivery is rejected."""
    quarantine_floor: int = 5
    """Unusable rows that are always tolerated, so that one bad row does not reject a tiny delivery."""
    allow_unreadable_files: bool = False
    """Whether a delivery with a file that breaks off, or that cannot be opened, may be admitted: nobody can say how
    many rows lie behind the break."""
    abstention_limit: float = 1.0
    """Examples of a delivery that a row-wise audit may be unable to judge, on average over its rows."""
    failed_measures: Literal["drop", "audit"] = "drop"
    """What a version leaves out where a drop's measures by an audit fail their gate: the drop, or these measures."""
    removed_limit: float = 0.3
    """Examples of the corpus that a candidate may hold or drop."""
    removed_limit_dataset: float = 0.5
    """The same for each dataset, and each drop, on its own."""
    removed_floor: int = 50
    """Datasets and drops with fewer examples than this are not held to their own limit."""
    removed_limit_cluster: float = 0.7
    """The same for each cluster of alike pictures, so that no kind of picture is lost unseen."""
    removed_limit_odds: float = 0.0
    """How many times the odds of the rest of its source a group may have of being removed, by the low end of the
    interval, where that is more than chance (1 and more); 0 sets no limit. Removals by group are told all the same."""
    diversity_limit: float = 0.1
    """How much poorer than random removals of the same size a candidate may be, by each figure of diversity."""
    contradiction_limit: float = 0.2
    """Judged (image, query) groups of the corpus that may contradict themselves."""
    unresolved_limit: float = 0.1
    """The same for those whose contradictions neither votes nor annotators settle."""
    pollution_limit: float = 0.1
    """SFT examples of the corpus that may have preference data or a judge's traces among their targets."""
    least_recall: Mapping[str, float] = field(default_factory=dict[str, float])
    """Of each fault that canaries have, the share of them that must be found of a delivery for it to enter a version;
    it fails where the whole interval lies below. Faults that are not named need not be found. Those that are looked for
    in the whole corpus cannot be named: their canaries fly among what has entered."""

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if isinstance(value, str | Mapping):
                continue
            if limit.name.endswith("_floor"):
                if value < 0:
                    raise ValueError(f"{limit.name} must be 0 or more, but is {value}")
            elif limit.name.endswith("_odds"):
                _require_ratio(limit.name, value)
            elif not 0 <= value <= 1:
                raise ValueError(f"{limit.name} is a share and must lie in 0 to 1, but is {value}")
        _require_recall(self.least_recall)


def _require_ratio(name: str, value: float) -> None:
    if value and not 1 <= value < float("inf"):
        raise ValueError(f"{name} is a ratio of 1 and more, or 0 for no limit, but is {value}")


def _require_recall(least_recall: Mapping[str, float]) -> None:
    for fault, least in least_recall.items():
        if fault in KINDS:
            raise ValueError(
                f"least_recall names {fault!r}, whose canaries fly once a delivery has entered: leave it out"
            )
        if fault not in FAULTS:
            raise ValueError(f"least_recall names {fault!r}, which no canary has; those are {', '.join(FAULTS)}")
        if not 0 <= least <= 1:
            raise ValueError(f"least_recall.{fault} is a share and must lie in 0 to 1, but is {least}")
