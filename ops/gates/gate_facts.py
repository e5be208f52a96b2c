"""The figures that gates judge: small Arrow tables, counted from the streams of a delivery and of an audit's measures.

A measure is never held as a whole: keys are compared by 64-bit hashes, and a suspected duplicate is confirmed on the
keys themselves, so that a chance collision is never reported.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import KEYS, Audit
from ops.audits.ranges import has_numbers
from ops.core.arrow import (
    Column,
    column_of,
    extent,
    flags,
    group_counts,
    invert,
    is_nan,
    is_null,
    list_members,
    rows_where,
    struct_values,
    type_of,
    value_counts,
    values_where,
)
from ops.core.arrow_types import fields
from ops.core.hashing import EXAMPLE_KEY, absent, distinct, joined, key_hashes

Batches = Iterable[pa.RecordBatch]

#: Reasons that speak for the rest of a file: how many rows lie behind them nobody knows.
UNREADABLE = ("file_unreadable", "file_bomb")

#: Suspected duplicates that are confirmed one by one; more than this is no accident of hashing.
CONFIRM = 10_000

FILES = pa.schema(
    [
        ("file", pa.string()),
        ("rows_in", pa.int64()),
        ("rows_kept", pa.int64()),
        ("rows_quarantined", pa.int64()),
        ("rows_lost", pa.int64()),
        ("stored_kept", pa.int64()),
        ("stored_quarantined", pa.int64()),
    ]
)


def ingest_facts(
    drop: Mapping[str, Any], counts: Iterable[Mapping[str, Any]], examples: Batches, quarantine: Batches
) -> dict[str, pa.Table]:
    """Facts of a delivery, from its row of `drops`, its rows of `drop_files` and from what is stored of it.

    `files` (FILES): one row a file; `rows_lost` are rows in that were neither kept nor quarantined, and `stored_*`
    are the rows found in `examples` and `quarantine`.
    `drop`: drop, delivery, files, rows_in, rows_kept, rows_quarantined, quarantine_share, unreadable_files,
    top_reasons; one row.
    """
    kept: Counter[str] = Counter()
    for batch in examples:
        kept.update(counted(struct_values(column_of(batch, "provenance"), "file")))
    set_aside: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for batch in quarantine:
        set_aside.update(counted(column_of(batch, "file")))
        reasons.update(counted(column_of(batch, "reason")))
    claimed = {row["file"]: row for row in counts}
    files = [
        _file_row(name, claimed.get(name, {}), kept[name], set_aside[name]) for name in {**claimed, **kept, **set_aside}
    ]
    summary = {
        "drop": drop["drop"],
        "delivery": drop["delivery"],
        "files": len(claimed),
        "rows_in": drop["rows_in"],
        "rows_kept": drop["rows_kept"],
        "rows_quarantined": drop["rows_quarantined"],
        "quarantine_share": share(drop["rows_quarantined"], drop["rows_in"]),
        "unreadable_files": sum(reasons[code] for code in UNREADABLE),
        "top_reasons": ", ".join(f"{reason} {rows}" for reason, rows in reasons.most_common(5)),
    }
    return {"files": pa.Table.from_pylist(files, schema=FILES), "drop": pa.Table.from_pylist([summary])}


def measures_facts(
    audit: Audit,
    read: Callable[[], Iterator[pa.RecordBatch]],
    *,
    examples: np.ndarray,
    columns: Sequence[str] | None = None,
) -> dict[str, pa.Table]:
    """Facts of an audit's measures, one row, under the name `measures`.

    `read` starts a stream of the measures anew; `examples` are the key hashes of the examples that were there to be
    measured; `columns` are those that the files really have (None: not known). The row has: audit, rows, examples,
    null_keys, duplicate_keys, duplicates (the first few, as text), unknown_examples, examples_measured,
    examples_unmeasured, abstained_share (of the rows), missing_columns, and for each numeric column NAME of the audit
    NAME.nulls, NAME.nans, NAME.minimum and NAME.maximum (of the values that are numbers; of lists, of their members).
    """
    keys = KEYS[audit.grain].names
    tally = _Tally(audit)
    by_key: list[np.ndarray] = []
    by_example: list[np.ndarray] = []
    for batch in read():
        tally.add(batch)
        by_key.append(key_hashes(batch, keys))
        by_example.append(by_key[-1] if tuple(keys) == EXAMPLE_KEY else distinct(key_hashes(batch)))
    measured, wanted = distinct(joined(by_example)), distinct(examples)
    duplicates, named = _duplicates(by_key, keys, read)
    row = {
        "audit": audit.name,
        "rows": tally.rows,
        "examples": len(examples),
        "null_keys": tally.null_keys,
        "duplicate_keys": duplicates,
        "duplicates": named,
        "unknown_examples": absent(measured, wanted),
        "examples_measured": len(measured) - absent(measured, wanted),
        "examples_unmeasured": absent(wanted, measured),
        "abstained_share": share(tally.abstained, tally.rows),
        "missing_columns": ", ".join(_missing(audit, columns)),
        **tally.columns,
    }
    return {"measures": pa.Table.from_pylist([row])}


class _Tally:
    """Counts of an audit's measures, batch by batch."""

    def __init__(self, audit: Audit) -> None:
        self.rows = self.null_keys = self.abstained = 0
        self._keys = KEYS[audit.grain].names
        self._numeric = [column.name for column in fields(audit.columns) if has_numbers(column)]
        self._telling = [column.name for column in fields(audit.columns) if pa.types.is_floating(column.type)]
        self._says_so = "abstained" in audit.columns.names
        self.columns: dict[str, Any] = {}
        for name in self._numeric:
            self.columns |= {f"{name}.nulls": 0, f"{name}.nans": 0, f"{name}.minimum": None, f"{name}.maximum": None}

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        self.null_keys += int(np.logical_or.reduce(_nulls(batch, self._keys)).sum())
        self.abstained += self._abstained(batch)
        for name in self._numeric:
            self._column(name, column_of(batch, name))

    def _abstained(self, batch: pa.RecordBatch) -> int:
        """Rows that say so, or whose every real-valued measure is null."""
        if self._says_so:
            return int(flags(column_of(batch, "abstained")).sum())
        if not self._telling:
            return 0
        return int(np.logical_and.reduce(_nulls(batch, self._telling)).sum())

    def _column(self, name: str, values: Column) -> None:
        self.columns[f"{name}.nulls"] += values.null_count
        if pa.types.is_list(type_of(values)):
            values = list_members(values)
        if pa.types.is_floating(type_of(values)):
            nan = is_nan(values)
            self.columns[f"{name}.nans"] += int(flags(nan).sum())
            values = values_where(values, invert(nan))
        for (side, choose), end in zip((("minimum", min), ("maximum", max)), extent(values), strict=True):
            extremes = [v for v in (self.columns[f"{name}.{side}"], end) if v is not None]
            self.columns[f"{name}.{side}"] = choose(extremes) if extremes else None


def _duplicates(
    by_key: list[np.ndarray], keys: Sequence[str], read: Callable[[], Iterator[pa.RecordBatch]]
) -> tuple[int, str]:
    """Rows beyond the first of their key, and the first few such keys as text."""
    hashes = np.sort(joined(by_key))
    repeats = hashes[1:][hashes[1:] == hashes[:-1]]
    suspects = distinct(repeats)
    if not len(suspects):
        return 0, ""
    parts: list[pa.Table] = []
    for batch, hashed in zip(read(), by_key, strict=True):
        mask = pa.array(np.isin(hashed, suspects[:CONFIRM]))
        parts.append(rows_where(pa.Table.from_batches([batch.select(list(keys))]), mask))
    repeated = [row for row in group_counts(pa.concat_tables(parts), keys) if row["count_all"] > 1]
    named = "; ".join(" ".join(str(row[key]) for key in keys[1:]) for row in repeated[:3])
    if len(suspects) > CONFIRM:
        return len(repeats), named
    return sum(row["count_all"] - 1 for row in repeated), named


def _missing(audit: Audit, columns: Sequence[str] | None) -> list[str]:
    wanted = [name for name in audit.schema.names if name not in audit.table.partition_by]
    return [] if columns is None else [name for name in wanted if name not in columns]


def _file_row(name: str, claimed: Mapping[str, Any], kept: int, set_aside: int) -> dict[str, Any]:
    rows = {key: claimed.get(key) or 0 for key in ("rows_in", "rows_kept", "rows_quarantined")}
    lost = rows["rows_in"] - rows["rows_kept"] - rows["rows_quarantined"]
    return {"file": name, **rows, "rows_lost": lost, "stored_kept": kept, "stored_quarantined": set_aside}


def counted(values: Column) -> Counter[str]:
    """How often each value occurs; null counts as empty text."""
    return Counter({value or "": count for value, count in value_counts(values)})


def share(part: int | None, whole: int | None) -> float:
    """A part as a share of the whole; 0 where the whole is empty."""
    return (part or 0) / whole if whole else 0.0


def _nulls(batch: pa.RecordBatch, names: Sequence[str]) -> list[np.ndarray]:
    """Which values of each column are null."""
    return [flags(is_null(column_of(batch, name))) for name in names]
