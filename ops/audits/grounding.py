"""Does the text of a turn belong to its image?

Question and answer are turned into one statement ("what color is the circle?" + "red" -> "The circle is red."), whose
embedding is compared with that of the image. The raw cosine (CLIPScore, Hessel et al., 2021) depends on template and
length, so three figures stand beside it:

- `margin`: the cosine less what this image gives to any text and this text to any image, both over a fixed bank of the
  delivery (negCLIPLoss, Wang et al., 2024). Above 0: the pair fits better than its parts fit others.
- `rank` among the bank's other images: 1 when no other image fits the text better.
- `p_value`: (1 + images that fit at least as well) / (1 + images compared). If the image did not matter, own and other
  images would be exchangeable, so this is a true p-value: small where the text is grounded.

Where an example shows several images, the best one counts, and is compared with the best of as many others.

A turn abstains, and `why` says so, where no image could speak for or against its text ("thanks"), where a vector is
missing, or where the bank has too few images. Turns of examples without images have no row.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, RowInputs, Scope
from ops.grounding_scores import ImageTurn, Scores, image_turns, ranks, score_turns, statement_texts
from ops.identity import text_id


@dataclass(frozen=True, slots=True)
class GroundingSettings:
    """How grounding is scored."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine: small looks at the best fits only."""
    fewest_images: int = 16
    """Other images below which a rank says nothing and the audit abstains."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.fewest_images < 1:
            raise ValueError("temperature must be above 0 and fewest_images at least 1")


def measure(inputs: RowInputs, settings: GroundingSettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    turns = image_turns(inputs.examples)
    chunks = [_measured(s, settings) for s in score_turns(inputs, turns, temperature=settings.temperature)]
    joined = {name: np.concatenate([c[name] for c in chunks]) for name in _FIGURES} if chunks else {}
    why = [reason for chunk in chunks for reason in chunk["why"]]
    said = np.array([not reason for reason in why], dtype=bool)
    columns: dict[str, Any] = _keys(inputs.examples, turns)
    columns["text_id"] = [text_id(one.statement.text) for one in turns]
    columns |= {name: pa.array(joined.get(name, []), type=kind, mask=~said) for name, kind in _FIGURES.items()}
    columns |= {"abstained": ~said, "why": [reason or None for reason in why]}
    return pa.table(columns, schema=AUDIT.schema)


def _measured(scores: Scores, settings: GroundingSettings) -> dict[str, Any]:
    images = np.array([len(one.image_ids) for one in scores.turns])
    rank, compared = ranks(scores.own, scores.bank, images)
    return {
        "cosine": scores.cosine,
        "margin": scores.own - scores.normaliser,
        "rank": rank,
        "compared": compared,
        "p_value": rank / (1 + compared),
        "why": [
            one.statement.uninformative
            or ("" if known else "no vector for the text or the image")
            or ("" if n >= settings.fewest_images else f"only {n} other images to compare with")
            for one, known, n in zip(scores.turns, scores.known, compared, strict=True)
        ],
    }


def _keys(examples: pa.Table, turns: list[ImageTurn]) -> dict[str, Any]:
    rows = pa.array([one.turn.row for one in turns], pa.int64())
    keys: dict[str, Any] = {name: examples[name].take(rows) for name in ("delivery", "example_id")}
    return keys | {"turn": pa.array([one.turn.turn for one in turns], pa.int32())}


_FIGURES = {
    "cosine": pa.float32(),
    "margin": pa.float32(),
    "rank": pa.int32(),
    "compared": pa.int32(),
    "p_value": pa.float32(),
}

AUDIT = Audit(
    name="grounding",
    title="Text that does not belong to the image",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema([("text_id", pa.string()), *_FIGURES.items(), ("abstained", pa.bool_()), ("why", pa.string())]),
    measure=measure,
    settings=GroundingSettings(),
    texts=statement_texts,
    uses_vectors=True,
)
