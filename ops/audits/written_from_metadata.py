"""Was the answer written from the row's metadata, not from its picture?

An answer that stands in a caption, a tag, a file's name or its own question (`metadata_leak`) may still be true of the
picture: captions are. An answer that stands there and does not fit its picture was read off the field, and the picture
is another one. Neither finding says so alone.

One row for each turn whose answer leaks (in English; turns in other languages have no row): where it stands (`source`,
`field`, `evidence`, as in `metadata_leak`) and how its statement ranks its own image among others (`p_value`, `margin`,
as in `grounding`). `is_ungrounded` says that `p_value` is at least `poor_p_value`: that share of all other images fits
the answer as well as its own.

A row abstains where the answer's grounding cannot be told: a vector is missing, or the bank has too few images.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COSINES_APART, P_VALUE, column
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import Scores, ranks, score_turns, scored_texts
from ops.leaks.field_leaks import FieldLeakSettings, find_leaks
from ops.text.image_turns import image_turns


@dataclass(frozen=True, slots=True)
class WrittenSettings(FieldLeakSettings):
    """`audits.written_from_metadata` in assay.yaml."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine, as for `grounding`."""
    fewest_images: int = 16
    """Other images below which a rank says nothing and the audit abstains."""
    poor_p_value: float = 0.5
    """p-value from which an answer is not grounded in its image."""

    def __post_init__(self) -> None:
        FieldLeakSettings.__post_init__(self)
        if self.temperature <= 0 or self.fewest_images < 1 or not 0 < self.poor_p_value <= 1:
            raise ValueError(
                "temperature must be above 0, fewest_images at least 1 and poor_p_value above 0 and at most 1"
            )


def measure(inputs: RowInputs, settings: WrittenSettings) -> pa.Table:
    """One row a turn whose answer leaks, of an example that shows images."""
    examples = inputs.examples
    leaks = {(turn.row, turn.turn): leak for turn, leak in find_leaks(examples, settings) if leak.get("is_leaked")}
    turns = [shown_turn for shown_turn in image_turns(examples) if (shown_turn.turn.row, shown_turn.turn.turn) in leaks]
    keys = examples.select(["delivery", "example_id"]).to_pylist()
    rows: list[dict[str, Any]] = []
    for scores in score_turns(inputs, turns, temperature=settings.temperature):
        for shown_turn, figures in zip(scores.turns, _figures(scores, settings), strict=True):
            leak = leaks[shown_turn.turn.row, shown_turn.turn.turn]
            where = {name: leak[name] for name in ("source", "field", "evidence")}
            rows.append(keys[shown_turn.turn.row] | {"turn": shown_turn.turn.turn} | where | figures)
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _figures(scores: Scores, settings: WrittenSettings) -> list[dict[str, Any]]:
    images = np.array([len(one.image_ids) for one in scores.turns])
    rank, compared = ranks(scores.own, scores.bank, images)
    p_value, margin = rank / (1 + compared), scores.own - scores.normaliser
    rows: list[dict[str, Any]] = []
    for at in range(len(images)):
        if not scores.known[at]:
            rows.append({"abstained": True, "why": "no vector for the text or the image"})
        elif compared[at] < settings.fewest_images:
            rows.append({"abstained": True, "why": f"only {compared[at]} other images to compare with"})
        else:
            poor = bool(p_value[at] >= settings.poor_p_value)
            figures = {"p_value": float(p_value[at]), "margin": float(margin[at]), "is_ungrounded": poor}
            rows.append(figures | {"abstained": False})
    return rows


AUDIT = Audit(
    name="written_from_metadata",
    title="Answers written from metadata, not from the picture",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema(
        [
            column("source", pa.string()),  # question | metadata | id | file
            column("field", pa.string()),
            column("evidence", pa.string()),
            column("p_value", pa.float32(), P_VALUE),
            column("margin", pa.float32(), COSINES_APART),
            column("is_ungrounded", pa.bool_()),
            column("abstained", pa.bool_()),
            column("why", pa.string()),
        ]
    ),
    measure=measure,
    settings=WrittenSettings(),
    texts=scored_texts,
    uses_vectors=True,
    revision=2,
)
