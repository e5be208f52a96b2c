"""Shifted joins: runs of rows of a file whose texts belong to the images k rows away.

A join that slips by a row gives every row after it the picture of a neighbour (LLaVA-NeXT #118 is one such case). Each
row is scored against the images up to eight rows before and after it. The score is the similarity of the row's pooled
statements (the mean over its informative turns) and the image, both less their mean over the file, so that generic
texts and generic pictures weigh little. The audit then looks for stretches of rows that fit the image k rows
on better than their own: the largest sum of that gain over shifts and stretches is a scan statistic (Naus 1965; Page
1954 for the ends), and its p-value comes from turning each row's scores round at random, which is what a file without
a shift looks like at worst. `p_value` is that of the row's run, and elsewhere that of the file's strongest stretch. A
run is named where p, times the number of files, is at most `false_alarms`. The p-values of many files tell of a run's
rows how likely the join slipped there (policy.md).

`shift` says how many rows on the right picture lies (0 outside runs) and `proposed_image_ids` which it is; the repair
is a proposal and is never made here. A run whose pictures go round at its end leaves rows that fit the pictures left
over there: they count to the run, with a shift of their own. `shard_p_value` is small where the file's own pairs fit
better than the same pictures dealt out anew among its rows; it is large for a file that is scrambled without any
order, and for one of whose texts the encoder understands nothing.

Rows are neighbours by their number in the file. An example without an image has no row here; one whose text says
nothing that could be seen or is not in English, whatever languages the encoder reads, and a file with fewer than
`fewest_rows` usable rows, abstain. In a file whose neighbours
show the same picture a shift within that picture cannot be told, and does no harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, Suspicion
from ops.audits.ranges import ANY, COUNT, NUMBER, P_VALUE, Range, column
from ops.core.arrow import struct_values, whole
from ops.core.identity import digest, text_id
from ops.core.turns import read_turns
from ops.evidence.inputs import RowInputs
from ops.grounding.shift_scan import Run, find_runs, shift_scores
from ops.grounding.shifted_files import FileVectors, Members, assigned, shard_p_value
from ops.text.statements import make_statement


@dataclass(frozen=True, slots=True)
class ShiftSettings:
    """`audits.alignment_shift` in assay.yaml."""

    reach: int = 8
    """Rows before and after a row whose images are tried."""
    fewest_rows: int = 20
    """Usable rows below which a file is not searched."""
    fewest_run: int = 10
    """Rows below which a stretch is no run."""
    false_alarms: float = 0.01
    """Chance at which a delivery without any shift may have a run named."""
    rounds: int = 99
    """Random turns that the p-values rest on."""

    def __post_init__(self) -> None:
        if min(self.reach, self.fewest_rows, self.fewest_run) < 1 or self.rounds < 20:
            raise ValueError(
                f"reach, fewest_rows and fewest_run must be at least 1 and rounds at least 20, but are {self.reach}, "
                f"{self.fewest_rows}, {self.fewest_run} and {self.rounds}"
            )


COLUMNS = pa.schema(
    [
        column("file", pa.string()),
        column("row", pa.int64(), COUNT),
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("score", pa.float32(), Range(-4.01, 4.01)),  # with the row's own image
        column("score_shifted", pa.float32(), Range(-4.01, 4.01)),  # with the image `shift` rows on
        column("shift", pa.int32(), ANY),
        column("is_shifted", pa.bool_()),
        column("run_first_row", pa.int64(), COUNT),
        column("run_rows", pa.int64(), NUMBER),
        column("p_value", pa.float64(), P_VALUE),
        column("shard_p_value", pa.float64(), P_VALUE),
        column("proposed_image_ids", pa.list_(pa.string())),
    ]
)
_MOST_RUNS = 8


def wanted_texts(examples: pa.Table) -> list[str]:
    """The statements of examples with an image."""
    pictured = examples.filter(_has_image(examples))
    return sorted({text for _, text in _statements(pictured)})


def measure(inputs: RowInputs, settings: ShiftSettings) -> pa.Table:
    """One row for each example with an image."""
    pictured = inputs.examples.filter(_has_image(inputs.examples))
    files = inputs.source_file_count or len({file for file, _ in _places(pictured)})
    tables = [
        pa.Table.from_pylist(
            _measured(file, inputs.examples, settings, level=settings.false_alarms / files), schema=AUDIT.schema
        )
        for file in _files(inputs)
    ]
    return pa.concat_tables([AUDIT.schema.empty_table(), *tables])


def _has_image(examples: pa.Table) -> np.ndarray:
    return np.array([bool(ids) for ids in examples["image_ids"].to_pylist()], dtype=bool)


def _places(examples: pa.Table) -> list[tuple[str | None, int | None]]:
    """File and row that each example was read from."""
    places = whole(examples, "provenance")
    return list(zip(*(struct_values(places, name).to_pylist() for name in ("file", "row")), strict=True))


def _statements(examples: pa.Table) -> Iterator[tuple[int, str]]:
    """Row and text of each statement that an image could speak for or against."""
    for turn in read_turns(examples):
        statement = make_statement(turn.query, turn.answer)
        if not statement.uninformative and statement.text:
            yield turn.row, statement.text


def _files(inputs: RowInputs) -> Iterator[FileVectors]:
    """One file at a time, so that only its vectors are held."""
    examples = inputs.examples
    held = np.flatnonzero(_has_image(examples))
    if not len(held):
        return
    pairs = list(_statements(examples))
    text_rows = np.array([row for row, _ in pairs], dtype=np.int64)
    text_places = inputs.texts.positions([text_id(text) for _, text in pairs])
    lists = examples["image_ids"].to_pylist()
    image_rows = np.repeat(np.arange(len(lists)), [len(ids or ()) for ids in lists])
    image_places = inputs.images.positions([i for ids in lists for i in ids or ()])

    places = _places(examples)
    names = np.array([places[n][0] or "" for n in held], dtype=np.str_)
    numbers = np.array([places[n][1] or 0 for n in held], dtype=np.int64)
    ids = np.array(examples["example_id"].take(held).to_pylist(), dtype=np.str_)
    order = np.lexsort((ids, numbers, names))
    files, starts = np.unique(names[order], return_index=True)
    rank = np.full(examples.num_rows, -1)
    rank[held[order]] = np.arange(len(order))
    texts = Members.of(rank[text_rows], text_places)
    images = Members.of(rank[image_rows], image_places)
    for name, mine in zip(files, np.split(order, starts[1:]), strict=True):
        first = int(rank[held[mine[0]]])
        pooled_texts, has_text = texts.pooled(inputs.texts, first, len(mine))
        pooled_images, has_image = images.pooled(inputs.images, first, len(mine))
        yield FileVectors(str(name), numbers[mine], held[mine], has_text & has_image, pooled_texts, pooled_images)


def _measured(file: FileVectors, examples: pa.Table, settings: ShiftSettings, *, level: float) -> list[dict[str, Any]]:
    enough = int(file.usable.sum()) >= settings.fewest_rows
    scores = shift_scores(file.rows, file.texts, file.images, usable=file.usable, reach=settings.reach)
    runs: list[Run] = []
    p_value, shard = 1.0, 1.0
    if enough:
        seed = int(digest(file.name, size=4), 16)
        runs, p_value = find_runs(
            scores, fewest=settings.fewest_run, rounds=settings.rounds, level=level, most=_MOST_RUNS, seed=seed
        )
        shard = shard_p_value(file, seed=seed)
    runs, of_run, partner = assigned(file, runs)
    keys = examples.select(["delivery", "example_id"]).take(file.at).to_pylist()
    images = examples["image_ids"].take(file.at).to_pylist()
    rows: list[dict[str, Any]] = []
    for n, key in enumerate(keys):
        run = runs[int(of_run[n])] if of_run[n] >= 0 else None
        other = int(partner[n])
        why = _why(enough=enough, usable=bool(file.usable[n]))
        score = float(file.texts[n] @ file.images[n]) if file.usable[n] else None
        rows.append(
            {
                **key,
                "file": file.name,
                "row": int(file.rows[n]),
                "abstained": bool(why),
                "why": why or None,
                "score": score,
                "score_shifted": score if other < 0 or score is None else float(file.texts[n] @ file.images[other]),
                "shift": (int(file.rows[other] - file.rows[n]) if other >= 0 else run.shift) if run else 0,
                "is_shifted": run is not None,
                "run_first_row": int(file.rows[run.start]) if run else None,
                "run_rows": run.stop - run.start if run else None,
                # Of a run that is named also where the row itself says nothing.
                "p_value": run.p_value if run else None if why else p_value,
                "shard_p_value": None if why else shard,
                "proposed_image_ids": images[other] if run and other >= 0 else None,
            }
        )
    return rows


def _why(*, enough: bool, usable: bool) -> str:
    if not usable:
        return "the text says nothing that could be seen or is not in English, or a vector is missing"
    return "" if enough else "too few usable rows in the file"


AUDIT = Audit(
    name="alignment_shift",
    title="Shifted joins",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=ShiftSettings(),
    texts=wanted_texts,
    by_file=True,
    uses_vectors=True,
    faults=("shifted_join",),
    suspicion=Suspicion("p_value", -1, ("shifted_join",), unit="file", mark="is_shifted"),
    revision=4,
)
