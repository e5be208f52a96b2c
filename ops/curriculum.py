"""The order in which a version is best learnt: stages of rising difficulty, text-led first, pictures step by step."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CurriculumSettings:
    """How a version is ordered. Everything here is part of the version's identity."""

    order: Literal["rising", "random", "reversed"] = "rising"
    """`random` and `reversed` are controls: the same examples in the same stage sizes."""
    stages: int = 4
    """Stages of equal size."""
    first_visual_share: float = 0.5
    """Visual examples in the first stage, as a multiple of their share of the whole version; the share then rises in
    equal steps. 1 means no ramp."""
    replay: float = 0.0
    """Examples of earlier stages that each later stage repeats, as a share of its own size."""
    source_mix: Literal["constant", "natural"] = "constant"
    """`constant`: each stage draws from every dataset in the same proportion; `natural`: difficulty alone decides."""
    seed: int = 0
    """Decides the order inside a stage."""

    def __post_init__(self) -> None:
        if self.stages < 1:
            raise ValueError(f"stages must be at least 1, but is {self.stages}")
        for name in ("first_visual_share", "replay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0 to 1, but is {getattr(self, name)}")
