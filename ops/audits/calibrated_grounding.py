"""How a turn's grounding compares with that of turns of its own kind.

Cosines and margins depend on how a text is put: "yes" turned into a statement scores lower than a caption, whatever the
image. So each turn's margin (see `grounding`) is set against the turns of the delivery that have the same dataset, the
same template (the first three words of the question, figures as #) and about the same length (words of the statement,
in doublings: 1, 2 to 3, 4 to 7, ...).

- `calibrated_z`: the margin less the group's median, in units of its median absolute deviation times 1.4826, which for
  normal scores is the standard deviation. Both stand up to faults in up to half of the group.
- `group` names the group, `group_level` says how fine it is, `group_turns` is its size. A group smaller than
  `fewest_turns`, or without any spread, is left for the next wider one: dataset, template and length; dataset and
  length; dataset; delivery.

A turn abstains where `grounding` has no score for it (no image could speak for or against its text, it is not in
English, or a vector is missing) or where even the delivery has too few turns. Turns that abstain count to no group.
Turns of examples without images have no row.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import ANY, NUMBER, column
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import score_turns, scored_texts
from ops.text.image_turns import ImageTurn, image_turns


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """`audits.calibrated_grounding` in assay.yaml."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine, as for `grounding`."""
    fewest_turns: int = 30
    """Turns below which a group is too small to compare with."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.fewest_turns < 3:
            raise ValueError("temperature must be above 0 and fewest_turns at least 3")


COLUMNS = pa.schema(
    [
        column("calibrated_z", pa.float32(), ANY),
        column("group", pa.string()),
        column("group_level", pa.string()),  # template | length | dataset | delivery
        column("group_turns", pa.int32(), NUMBER),
        column("abstained", pa.bool_()),
        column("why", pa.string()),
    ]
)

_LEVELS = ("template", "length", "dataset", "delivery")
_TEMPLATE_WORDS = 3
_QUERY_CHARS = 2000
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_NUMBER = re.compile(r"\d+")
#: Of a unit of cosine: a smaller spread is rounding.
_LEAST_SPREAD = 1e-4


def measure(inputs: RowInputs, settings: CalibrationSettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    turns = image_turns(inputs.examples)
    margins, why = _margins(inputs, turns, settings)
    rows: list[dict[str, Any]] = [{"abstained": True, "why": reason} for reason in why]
    scored = np.flatnonzero(np.isfinite(margins))
    datasets = inputs.examples["dataset"].to_pylist()
    names = [_names(datasets[turns[at].turn.row] or "", turns[at]) for at in scored.tolist()]
    left = set(range(len(scored)))
    for level, group, members in _groups(names):
        if len(members) < settings.fewest_turns or not left.intersection(members):
            continue
        values = margins[scored[members]]
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - middle)))
        if spread < _LEAST_SPREAD:
            continue
        for member in left.intersection(members):
            z = (float(margins[scored[member]]) - middle) / spread
            compared = {"group": group, "group_level": level, "group_turns": len(members), "abstained": False}
            rows[scored[member]] = {"calibrated_z": z, **compared}
        left.difference_update(members)
    figures = pa.Table.from_pylist(rows, schema=COLUMNS)
    places = pa.array([one.turn.row for one in turns], pa.int64())
    keys = [inputs.examples[name].take(places) for name in ("delivery", "example_id")]
    return pa.table(
        [*keys, pa.array([one.turn.turn for one in turns], pa.int32()), *figures.columns], schema=AUDIT.schema
    )


def _margins(
    inputs: RowInputs, turns: Sequence[ImageTurn], settings: CalibrationSettings
) -> tuple[np.ndarray, list[str]]:
    """Margins of the turns (n), NaN where there is none, and why each would abstain."""
    margins = np.full(len(turns), np.nan)
    why = [turn.statement.uninformative or "no vector for the text or the image" for turn in turns]
    informative = np.array([at for at, turn in enumerate(turns) if not turn.statement.uninformative], dtype=np.int64)
    telling = [turn for turn in turns if not turn.statement.uninformative]
    done = 0
    for scores in score_turns(inputs, telling, temperature=settings.temperature):
        places = informative[done : done + len(scores.turns)]
        done += len(places)
        margins[places] = np.where(scores.known, scores.own - scores.normaliser, np.nan)
    for at in np.flatnonzero(np.isfinite(margins)).tolist():
        why[at] = f"fewer than {settings.fewest_turns} turns to compare with, or none of them differ"
    return margins, why


def _names(dataset: str, turn: ImageTurn) -> tuple[str, str, str, str]:
    """The groups that a turn belongs to, finest first."""
    asked = _WORD.findall(turn.turn.query[:_QUERY_CHARS].lower())[:_TEMPLATE_WORDS]
    template = _NUMBER.sub("#", " ".join(asked))
    words = max(1, len(turn.statement.text.split()))
    shortest = 1 << (words.bit_length() - 1)
    length = f"{shortest} to {2 * shortest - 1} words" if shortest > 1 else "1 word"
    return f"{dataset} | {template} | {length}", f"{dataset} | {length}", dataset, "delivery"


def _groups(names: Sequence[tuple[str, str, str, str]]) -> Iterator[tuple[str, str, list[int]]]:
    """Level, name and members of every group, the finest first."""
    for n, level in enumerate(_LEVELS):
        groups: dict[str, list[int]] = {}
        for at, levels in enumerate(names):
            groups.setdefault(levels[n], []).append(at)
        for group, members in groups.items():
            yield level, group, members


AUDIT = Audit(
    name="calibrated_grounding",
    title="Grounding against turns of the same kind",
    grain=Grain.TURN,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=CalibrationSettings(),
    texts=scored_texts,
    uses_vectors=True,
    faults=("wrong_image",),
    revision=2,
)
