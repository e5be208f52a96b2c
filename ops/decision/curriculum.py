"""The order in which a version is best learnt: stages of rising difficulty, text-led first, pictures step by step.
What it is set to, and its controls; ops/decision/ordering.py makes it.

Within a dataset and a modality (visual or text) examples are ranked by difficulty; each stage takes the next part of
every dataset alike, so that the order is not merely an order of sources. Visual examples come in shares that rise from
stage to stage. Inside a stage the order is a seeded shuffle. Everything follows from an example's own values, its id
and the seed, and so from no order of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from ops.core.arrow import Column, as_large, numpy_values, sorted_by
from ops.core.hashing import splitmix

Order = Literal["rising", "random", "reversed"]
Control = Literal["own", "random", "reversed"]
CONTROLS: tuple[Control, ...] = ("own", "random", "reversed")

#: What makes an example hard, where nothing else is set: the words to be written, the turns to be kept in mind, words
#: that tell of reasoning and of relations between things, and how much there is to see and to read.
DIFFICULTY: dict[str, float] = {
    "difficulty.answer_words": 1.0,
    "difficulty.turns": 0.5,
    "difficulty.images": 0.5,
    "difficulty.relation_words": 1.0,
    "difficulty.reasoning_words": 1.0,
    "difficulty.edge_share": 0.5,
    "difficulty.entropy_bits": 0.5,
    "difficulty.text_share": 0.5,
    "difficulty.grounded_phrases": 0.5,
}

#: What makes a prompt of RL hard: how seldom a model solves it, and how much it must look.
PROMPT_DIFFICULTY: dict[str, float] = {"pass_rate.pass_rate": -1.0, "prompt_necessity.pvi": 0.5}


@dataclass(frozen=True, slots=True)
class CurriculumSettings:
    """How a version is ordered. Everything here is part of the version's identity."""

    order: Order = "rising"
    """`random` (neither difficulty nor modality decides) and `reversed` are controls over the same examples."""
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
    """Decides the order inside a stage, and what is replayed."""
    difficulty: Mapping[str, float] = field(default_factory=lambda: dict(DIFFICULTY))
    """Weight of each measure, named `audit.column`, in an example's difficulty; below 0 where more is easier."""
    prompt_difficulty: Mapping[str, float] = field(default_factory=lambda: dict(PROMPT_DIFFICULTY))
    """The same in that of a prompt of RL, which is ranked among prompts; one of which none of these is known is ranked
    by `difficulty` among all."""

    def __post_init__(self) -> None:
        if self.stages < 1:
            raise ValueError(f"stages must be at least 1, but is {self.stages}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must lie in 0 to 2^63 - 1, but is {self.seed}")
        for name in ("first_visual_share", "replay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0 to 1, but is {getattr(self, name)}")


def control(ordered: pa.Table, order: Control, *, seed: int) -> pa.Table:
    """Another order of a published curriculum, to hold it against: the same rows, each as often, in stages of the sizes
    of its own, with new positions; ids as large text.

    `reversed` goes through the stages backwards, each in its own order. `random` deals all rows to the stages by a hash
    of their ids and the seed; `own` leaves the order as it is. No order of rows in `ordered` decides anything.
    """
    ids = ordered.schema.get_field_index("example_id")
    ordered = sorted_by(ordered.set_column(ids, "example_id", as_large(ordered["example_id"])), "position")
    stage = ordered["stage"].to_numpy()
    if order == "own":
        return ordered
    if order == "reversed":
        stage = stage.max(initial=0) - stage
        row = np.argsort(stage, kind="stable")
        stage = stage[row]
    else:
        noise = mixed(ordered["example_id"], seed + 4)
        # An example that is replayed stands at several places, which need not follow each other.
        again = splitmix(noise ^ _occurrence(ordered["example_id"]))
        row = np.lexsort((ordered["position"].to_numpy(), again))
    columns = {
        "stage": pa.array(stage.astype(np.int32)),
        "position": pa.array(np.arange(len(row), dtype=np.int64)),
    }
    taken = ordered.take(pa.array(row, pa.int64()))
    return pa.table([columns.get(name, taken[name]) for name in ordered.schema.names], schema=ordered.schema)


def _occurrence(ids: Column) -> np.ndarray:
    """How often each id stood before (n, uint64)."""
    keys = id_bytes(ids)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]]) if len(keys) else order
    counts = np.diff(np.r_[starts, len(keys)])
    before = np.empty(len(keys), dtype=np.uint64)
    before[order] = np.arange(len(keys)) - np.repeat(starts, counts)
    return before


def visual_shares(overall: float, settings: CurriculumSettings) -> np.ndarray:
    """Share of visual examples in each stage: equal steps around the overall share, within 0 to 1."""
    start = 1.0 if settings.order == "random" else settings.first_visual_share
    first = max(start * overall, 2 * overall - 1)
    return np.linspace(first, 2 * overall - first, settings.stages) if settings.stages > 1 else np.array([overall])


def mixed(ids: Column, seed: int) -> np.ndarray:
    """A 64-bit hash (uint64) of each id and the seed; equal on every machine (splitmix64 over the id's bytes)."""
    keys = id_bytes(ids)
    width = -(-max(keys.dtype.itemsize, 1) // 8) * 8
    words = np.ascontiguousarray(keys.astype(f"S{width}")).view("<u8").reshape(len(keys), width // 8)
    state = np.full(len(keys), seed, dtype=np.uint64)
    for word in words.T:
        # Words of nothing but padding are left out: the hash of an id must not depend on its longest neighbour.
        state = np.where(word != 0, splitmix(state ^ word), state)
    return splitmix(state)


def id_bytes(ids: Column) -> np.ndarray:
    """The ids as bytes of one width (n), which numpy sorts."""
    return numpy_values(ids).astype(np.bytes_)
