"""Prompts that SFT has already taught.

What a model was taught in SFT it repeats in RL: a reward for it measures memory, and a set that holds prompts out
becomes one that it has seen. Images and questions are looked at apart: `images` counts the examples of SFT that show
one of the prompt's images, or one alike (perceptual hashes within `hash_distance` bits and colours that agree);
`questions` the turns that ask the same, about any image; `both` those that ask the same about such an image; and
`answered` those of them whose answer is the ground truth (the same number, letter, closed answer in English, or text).
`sft_delivery` and `sft_example` name one of them.

What is asked is the first sentence with a question mark, after normalisation, for templates say around it how to
answer; without one it is the whole text. A question that many examples ask ("How many people are there?") is no overlap
by itself. Prompts that share nothing have no row. What they share with evaluation sets, image and question apart, is
measured by `benchmark_leaks`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, StoredKeys, columns_of
from ops.audits.ranges import COUNT, column
from ops.core.key_schemas import ASKED_PROMPTS, ASKED_TURNS
from ops.core.schemas import PROMPTS, TURNS, TableSpec
from ops.corpus.sft_overlap import LINKS, asked_prompts, asked_turns, sft_overlap
from ops.corpus.tables import CorpusMeasures, CorpusTables


@dataclass(frozen=True, slots=True)
class SftOverlapSettings:
    """`audits.sft_overlap` in assay.yaml."""

    hash_distance: int = 4
    """Bits of 64 by which the perceptual hashes of alike images may differ."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two alike images and not in the other."""

    def __post_init__(self) -> None:
        if not 0 <= self.hash_distance <= 16 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 16, and colour_distance in 0 to 1")


def _stored(
    spec: TableSpec, made_from: TableSpec, columns: str, rows: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> StoredKeys:
    """Keys that no setting changes."""
    return StoredKeys(spec, made_from, tuple(columns.split()), lambda batch, _: rows(batch), settings=lambda _: ())


def measure(tables: CorpusTables, settings: SftOverlapSettings) -> CorpusMeasures:
    """One row a prompt that SFT data has taught."""
    return sft_overlap(*(tables[name] for name in AUDIT.reads), **asdict(settings))


AUDIT = Audit(
    name="sft_overlap",
    title="Prompts that SFT has already taught",
    grain=Grain.EXAMPLE,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("images", pa.int64(), COUNT),
            column("questions", pa.int64(), COUNT),
            column("both", pa.int64(), COUNT),
            column("answered", pa.int64(), COUNT),
            column("sft_delivery", pa.string()),
            column("sft_example", pa.string()),
        ]
    ),
    measure=measure,
    settings=SftOverlapSettings(),
    reads=columns_of(
        asked_prompts="delivery example_id image_ids question_key answer_key",
        asked_turns="delivery example_id turn question_key answer_key",
        examples="delivery example_id kind image_ids",
        images="image_id perceptual_hash colours",
    ),
    needs=("prompts",),
    keys=(
        _stored(ASKED_PROMPTS, PROMPTS, "delivery example_id image_ids query ground_truth is_json", asked_prompts),
        _stored(ASKED_TURNS, TURNS, "delivery example_id turn query response", asked_turns),
    ),
    links=LINKS,
    faults=("taught_question",),
    revision=3,
)
