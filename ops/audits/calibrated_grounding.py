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
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Fit, Grain, Scope
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


@dataclass(frozen=True, slots=True)
class _Group:
    """What turns of a group are set against: its name and how fine it is, its size, and its margins' median and
    spread."""

    name: str
    level: str
    turns: int
    middle: float
    spread: float


#: The names of a turn's groups, finest first.
_Names = tuple[str, str, str, str]
#: The margins of turns by their groups, four bytes a turn.
_ByGroup = Mapping[_Names, np.ndarray]
#: By level, finest first: the groups with enough turns that differ.
_Groups = Sequence[Mapping[str, _Group]]


def measure(inputs: RowInputs, settings: CalibrationSettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    turns, margins, why = _scored(inputs, settings)
    names = _names_of(inputs, turns)
    groups: _Groups = inputs.fitted or _model(_by_group(margins, names), settings)
    rows: list[dict[str, Any]] = []
    for margin, levels, reason in zip(margins.tolist(), names, why, strict=True):
        own = next((held[name] for held, name in zip(groups, levels, strict=True) if name in held), None)
        rows.append({"abstained": True, "why": reason} if margin != margin or own is None else _compared(margin, own))
    figures = pa.Table.from_pylist(rows, schema=COLUMNS)
    places = pa.array([one.turn.row for one in turns], pa.int64())
    keys = [inputs.examples[name].take(places) for name in ("delivery", "example_id")]
    return pa.table(
        [*keys, pa.array([one.turn.turn for one in turns], pa.int32()), *figures.columns], schema=AUDIT.schema
    )


def _compared(margin: float, group: _Group) -> dict[str, Any]:
    compared = {"group": group.name, "group_level": group.level, "group_turns": group.turns, "abstained": False}
    return {"calibrated_z": (margin - group.middle) / group.spread, **compared}


def _sketch(inputs: RowInputs, settings: CalibrationSettings) -> _ByGroup:
    turns, margins, _ = _scored(inputs, settings)
    return _by_group(margins, _names_of(inputs, turns))


def _by_group(margins: np.ndarray, names: Sequence[_Names]) -> _ByGroup:
    """The margins there are."""
    held: defaultdict[_Names, list[float]] = defaultdict(list)
    for margin, levels in zip(margins.tolist(), names, strict=True):
        if margin == margin:
            held[levels].append(margin)
    return {levels: np.array(values, dtype=np.float32) for levels, values in held.items()}


def _merge(parts: Iterable[_ByGroup], settings: CalibrationSettings) -> _ByGroup:
    held: defaultdict[_Names, list[np.ndarray]] = defaultdict(list)
    for part in parts:
        for levels, values in part.items():
            held[levels].append(values)
    return {levels: np.concatenate(values) for levels, values in held.items()}


def _model(margins: _ByGroup, settings: CalibrationSettings) -> _Groups:
    return [{group.name: group for group in _groups(margins, n, settings)} for n in range(len(_LEVELS))]


def _groups(margins: _ByGroup, n: int, settings: CalibrationSettings) -> Iterator[_Group]:
    """The groups of the n-th level that are large enough, with some spread."""
    held: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    for levels, values in margins.items():
        held[levels[n]].append(values)
    for name, parts in held.items():
        turns = sum(map(len, parts))
        if turns < settings.fewest_turns:
            continue
        values = np.concatenate(parts).astype(np.float64)
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - middle)))
        if spread >= _LEAST_SPREAD:
            yield _Group(name, _LEVELS[n], turns, middle, spread)


def _scored(inputs: RowInputs, settings: CalibrationSettings) -> tuple[list[ImageTurn], np.ndarray, list[str]]:
    """The turns that show images, their margins and why each would abstain."""
    turns = image_turns(inputs.examples)
    return turns, *_margins(inputs, turns, settings)


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


def _names_of(inputs: RowInputs, turns: Sequence[ImageTurn]) -> list[_Names]:
    datasets = inputs.examples["dataset"].to_pylist()
    return [_names(datasets[turn.turn.row] or "", turn) for turn in turns]


def _names(dataset: str, turn: ImageTurn) -> _Names:
    """The groups that a turn belongs to, finest first."""
    asked = _WORD.findall(turn.turn.query[:_QUERY_CHARS].lower())[:_TEMPLATE_WORDS]
    template = _NUMBER.sub("#", " ".join(asked))
    words = max(1, len(turn.statement.text.split()))
    shortest = 1 << (words.bit_length() - 1)
    length = f"{shortest} to {2 * shortest - 1} words" if shortest > 1 else "1 word"
    return f"{dataset} | {template} | {length}", f"{dataset} | {length}", dataset, "delivery"


AUDIT = Audit(
    name="calibrated_grounding",
    title="Grounding against turns of the same kind",
    grain=Grain.TURN,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    fit=Fit(_sketch, _merge, _model),
    settings=CalibrationSettings(),
    texts=scored_texts,
    uses_vectors=True,
    faults=("wrong_image",),
    revision=2,
)
