"""The figures of a version, counted from streams of its tables."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    Column,
    column_of,
    compare,
    distinct_rows,
    group_counts,
    list_lengths,
    list_members,
    list_parents,
    numpy_values,
    rows_where,
    sort_order,
    struct_values,
    table_of,
    taken,
    values_of,
)
from ops.core.hashing import distinct, joined, key_hashes, present
from ops.gates.gate_facts import counted
from ops.report.data import Quarantined, Stage

Batches = Iterable[pa.RecordBatch]

#: Characters of a raw row that are shown.
RAW = 400


@dataclass(slots=True)
class VerdictFigures:
    """Verdicts counted: examples by (delivery, action) and (dataset, action), examples that carry each rule, and the
    ids of a few of them, the smallest: ids are hashes, so that these are drawn at random but are always the same."""

    by_delivery: dict[str, Counter[str]] = field(default_factory=dict)
    by_dataset: dict[str, Counter[str]] = field(default_factory=dict)
    by_rule: Counter[str] = field(default_factory=Counter)
    few_by_rule: dict[str, list[str]] = field(default_factory=dict)


def count_verdicts(verdicts: Batches, *, most: int) -> VerdictFigures:
    """Count verdicts (delivery, example_id, dataset, action, reasons), keeping `shown` ids a rule."""
    figures = VerdictFigures()
    for batch in verdicts:
        for name, into in (("delivery", figures.by_delivery), ("dataset", figures.by_dataset)):
            for row in group_counts(batch, [name, "action"]):
                into.setdefault(row[name] or "", Counter())[row["action"]] += row["count_all"]
        carried = _carried(batch)
        figures.by_rule.update(counted(carried["rule"]))
        for rule in figures.by_rule:
            ids = rows_where(carried, compare(carried["rule"], "==", rule))["example_id"]
            few = values_of(taken(ids, sort_order(ids)[:most]), str)
            figures.few_by_rule[rule] = sorted([*figures.few_by_rule.get(rule, []), *few])[:most]
    return figures


def count_quarantine(
    quarantine: Batches, drops: Mapping[str, str], *, most: int
) -> tuple[dict[tuple[str, str], Counter[str]], dict[str, tuple[Quarantined, ...]]]:
    """Quarantined rows (schemas.QUARANTINE) by (delivery, file) and reason, and the first few of each reason.

    `drops` names the drop of a delivery."""
    by_file: dict[tuple[str, str], Counter[str]] = {}
    few: dict[str, list[Quarantined]] = {}
    for batch in quarantine:
        for row in group_counts(batch, ["delivery", "file", "reason"]):
            by_file.setdefault((row["delivery"], row["file"] or ""), Counter())[row["reason"] or ""] += row["count_all"]
        for at in _first_of_each(column_of(batch, "reason"), most):
            row = batch.slice(at, 1).to_pylist()[0]
            kept = few.setdefault(row["reason"] or "", [])
            if len(kept) < most:
                drop = drops.get(row["delivery"], row["delivery"])
                raw = _cut(row["raw"] or "")
                kept.append(Quarantined(drop, row["file"] or "", row["row"], _cut(row["detail"] or ""), raw))
    return by_file, {reason: tuple(rows) for reason, rows in few.items()}


def visual_keys(examples: Batches) -> np.ndarray:
    """Key hashes, sorted, of the examples (delivery, example_id, image_ids) that show an image."""
    with_pictures: list[np.ndarray] = []
    for batch in examples:
        with_pictures.append(key_hashes(batch)[list_lengths(column_of(batch, "image_ids")) > 0])
    return distinct(joined(with_pictures))


def count_stages(curriculum: Batches, visual: np.ndarray, datasets: Mapping[str, np.ndarray]) -> tuple[Stage, ...]:
    """The stages of a curriculum (stage, difficulty, delivery, example_id). `visual` are key hashes as `visual_keys`
    gives them, `datasets` the same for the examples of each dataset."""
    keys: dict[int, list[np.ndarray]] = {}
    difficulty: dict[int, list[np.ndarray]] = {}
    for batch in curriculum:
        stage = numpy_values(column_of(batch, "stage"))
        hashed = key_hashes(batch)
        hard = numpy_values(column_of(batch, "difficulty")).astype(np.float64)
        for number in np.unique(stage).tolist():
            keys.setdefault(number, []).append(hashed[stage == number])
            difficulty.setdefault(number, []).append(hard[stage == number])
    return tuple(_stage(n, joined(keys[n]), np.concatenate(difficulty[n]), visual, datasets) for n in sorted(keys))


def _stage(
    number: int, keys: np.ndarray, difficulty: np.ndarray, visual: np.ndarray, datasets: Mapping[str, np.ndarray]
) -> Stage:
    known = difficulty[np.isfinite(difficulty)]
    mix = {name: int(present(keys, members).sum()) for name, members in datasets.items()}
    return Stage(
        number=number,
        examples=len(keys),
        visual=int(present(keys, visual).sum()),
        difficulty=tuple(np.quantile(known, [0.1, 0.5, 0.9]).tolist()) if len(known) else (),
        datasets=dict(sorted(((n, c) for n, c in mix.items() if c), key=lambda pair: (-pair[1], pair[0]))),
    )


def _carried(batch: pa.RecordBatch) -> pa.Table:
    """Which example of the batch carries which rule, each pair once."""
    reasons = column_of(batch, "reasons")
    ids = taken(column_of(batch, "example_id"), pa.array(list_parents(reasons)))
    return distinct_rows(table_of({"example_id": ids, "rule": struct_values(list_members(reasons), "rule")}))


def _first_of_each(values: Column, most: int) -> list[int]:
    counts: Counter[str] = Counter()
    places: list[int] = []
    for at, value in enumerate(values.to_pylist()):
        counts[str(value)] += 1
        if counts[str(value)] <= most:
            places.append(at)
    return places


def _cut(text: str) -> str:
    return text if len(text) <= RAW else f"{text[:RAW]}…"
