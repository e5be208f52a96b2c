"""Does the text of a turn belong to its image?

Question and answer are turned into one statement ("what color is the circle?" + "red" -> "The circle is red."), whose
embedding is compared with that of the image. The raw cosine (CLIPScore, Hessel et al., 2021) depends on template and
length, so three figures stand beside it:

- `margin`: the cosine less what this image gives to any text and this text to any image, both over a fixed bank of the
  delivery (negCLIPLoss, Wang et al., 2024). Above 0: the pair fits better than its parts fit others.
- `rank` among the bank's other images: 1 when no other image fits the text better.
- `p_value`: (1 + images that fit at least as well) / (1 + images compared). If the image did not matter, own and other
  images would be exchangeable, so this is a true p-value: small where the text is grounded.

- `hard_rank` among the bank's images that look most like the own one (`hard_compared` of them): 1 where the text tells
  it from its likes. They were chosen for their likeness, so this is a measure and no p-value.

A long text (of several sentences, or `ops.text.text_parts.LONG_WORDS` words and more) says many things, and encoders
cut it off: its cosine is the mean over the whole and each of its sentences and noun phrases, `parts` of them
(F-CLIPScore, Oh and Hwang, 2025), and so are the figures that follow from it. `weakest_part` is the sentence (the noun
phrase, where there is one sentence) that gains least by the image, `weakest_gain` that gain: its cosine less its mean
cosine with the bank's images. At 0 or below, other images fit it as well, whatever the rest of the text says.

Where an example shows several images, the best one counts, and is compared with the best of as many others.

A turn abstains, and `why` says so, where no image could speak for or against its text ("thanks"), where a vector is
missing, or where the bank has too few images. Turns of examples without images have no row.

Statements and parts are made by rules for English. A turn whose question or answer is in another language abstains, and
its text is not in the bank; an encoder that reads that language does not change this yet. A text of one or two words
counts as English, unless its letters are not Latin.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COSINE, COSINES_APART, COUNT, NUMBER, P_VALUE, column
from ops.core.arrow_types import fields
from ops.core.identity import text_id
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import Scores, hard_ranks, ranks, score_turns, scored_texts, weakest_parts
from ops.text.image_turns import ImageTurn, image_turns


@dataclass(frozen=True, slots=True)
class GroundingSettings:
    """How grounding is scored."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine: small looks at the best fits only."""
    fewest_images: int = 16
    """Other images below which a rank says nothing and the audit abstains."""
    hard_images: int = 16
    """Images most like the own one among which `hard_rank` is counted."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or min(self.fewest_images, self.hard_images) < 1:
            raise ValueError("temperature must be above 0, fewest_images and hard_images at least 1")


def measure(inputs: RowInputs, settings: GroundingSettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    turns = image_turns(inputs.examples)
    chunks = [_measured(s, inputs, settings) for s in score_turns(inputs, turns, temperature=settings.temperature)]
    joined = {name: np.concatenate([c[name] for c in chunks]) for name in _FIGURES.names} if chunks else {}
    why = [reason for chunk in chunks for reason in chunk["why"]]
    informative = np.array([not reason for reason in why], dtype=bool)
    columns: dict[str, Any] = _keys(inputs.examples, turns)
    columns["text_id"] = [text_id(turn.statement.text) for turn in turns]
    for figure in fields(_FIGURES):
        values = joined.get(figure.name, np.zeros(0))
        columns[figure.name] = pa.array(values, type=figure.type, mask=~informative | np.isnan(values))
    weakest = [part for chunk in chunks for part in chunk["weakest_part"]]
    columns["weakest_part"] = pa.array(weakest, pa.string(), mask=~informative)
    columns |= {"abstained": ~informative, "why": [reason or None for reason in why]}
    return pa.table(columns, schema=AUDIT.schema)


def _measured(scores: Scores, inputs: RowInputs, settings: GroundingSettings) -> dict[str, Any]:
    images = np.array([len(turn.image_ids) for turn in scores.turns])
    rank, compared = ranks(scores.own, scores.bank, images)
    weakest, gain = weakest_parts(scores, inputs)
    hard_rank, hard_compared = hard_ranks(scores, inputs, settings.hard_images)
    return {
        "cosine": scores.cosine,
        "margin": scores.own - scores.normaliser,
        "rank": rank,
        "compared": compared,
        "p_value": rank / (1 + compared),
        "hard_rank": hard_rank,
        "hard_compared": hard_compared,
        "parts": np.array([len(turn.parts) for turn in scores.turns], dtype=np.int32),
        "weakest_part": weakest,
        "weakest_gain": gain,
        "why": [
            turn.statement.uninformative
            or ("" if known else "no vector for the text or the image")
            or ("" if n >= settings.fewest_images else f"only {n} other images to compare with")
            for turn, known, n in zip(scores.turns, scores.known, compared, strict=True)
        ],
    }


def _keys(examples: pa.Table, turns: list[ImageTurn]) -> dict[str, Any]:
    rows = pa.array([one.turn.row for one in turns], pa.int64())
    keys: dict[str, Any] = {name: examples[name].take(rows) for name in ("delivery", "example_id")}
    return keys | {"turn": pa.array([one.turn.turn for one in turns], pa.int32())}


_FIGURES = pa.schema(
    [
        column("cosine", pa.float32(), COSINE),
        column("margin", pa.float32(), COSINES_APART),
        column("rank", pa.int32(), NUMBER),
        column("compared", pa.int32(), COUNT),
        column("p_value", pa.float32(), P_VALUE),
        column("hard_rank", pa.int32(), NUMBER),
        column("hard_compared", pa.int32(), COUNT),
        column("parts", pa.int32(), COUNT),
        column("weakest_gain", pa.float32(), COSINES_APART),
    ]
)

AUDIT = Audit(
    name="grounding",
    title="Text that does not belong to the image",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema(
        [
            column("text_id", pa.string()),
            *fields(_FIGURES),
            column("weakest_part", pa.string()),
            column("abstained", pa.bool_()),
            column("why", pa.string()),
        ]
    ),
    measure=measure,
    settings=GroundingSettings(),
    texts=scored_texts,
    uses_vectors=True,
    revision=4,
)
