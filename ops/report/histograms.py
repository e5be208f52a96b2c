"""Histograms of measures, counted from streams in two passes: one finds the range, one counts."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ops.core.arrow import Column, cast_to, column_of, is_valid, numpy_values, value_counts, values_where
from ops.core.arrow_types import AnyField
from ops.report.audit_data import Histogram, Threshold

BINS = 40
#: Values of a text column that are drawn; a column with more is no category.
LABELS = 12
#: Values kept to find the range from; every so-manieth is taken of more.
SAMPLE = 100_000

Read = Callable[[], Iterator[pa.RecordBatch]]


def drawable(column: AnyField) -> bool:
    """Whether a column is worth a histogram: a number, a truth value or a category, not the name of something."""
    kind = column.type
    named = column.name.endswith("_id") or column.name in _NAMES
    return not named and (_numeric(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind))


#: Columns that say where something is, and the one that the table of audits counts.
_NAMES = ("abstained", "delivery", "file", "other_delivery", "response", "row", "turn")


def first_drawn(columns: Iterable[AnyField], looked_at: Container[str], most: int) -> list[AnyField]:
    """The columns that are drawn, at most so many: those that a rule looks at come first, then real numbers, whole
    ones, truth values and categories."""
    return sorted(filter(drawable, columns), key=lambda column: (column.name not in looked_at, _rank(column)))[:most]


def _rank(column: AnyField) -> int:
    kind = column.type
    tests = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    return next((at for at, test in enumerate(tests) if test(kind)), len(tests))


def histograms(
    read: Read,
    columns: Sequence[AnyField],
    thresholds: Mapping[str, Sequence[Threshold]],
    *,
    earlier: Read | None = None,
) -> list[Histogram]:
    """Histograms of the columns, in their order; a text column with more than LABELS values has none.

    `thresholds` are the conditions on each column; a numeric axis always shows them. `earlier` reads measures that are
    counted beside, on the same axis.
    """
    numeric = [column for column in columns if _numeric(column.type)]
    others = [column for column in columns if not _numeric(column.type)]
    tally, before = _Tally(numeric, others), _Tally(numeric, others)
    for batch in read():
        tally.add(batch)
    for batch in earlier() if earlier else ():
        before.add(batch)
    edges = {c.name: tally.edges(c, [t.bound for t in thresholds.get(c.name, ())], before) for c in numeric}
    counts = _counts(read, edges)
    counts_before = _counts(earlier, edges) if earlier else {}
    drawn: list[Histogram] = []
    for column in columns:
        marked = tuple(thresholds.get(column.name, ()))
        if column in numeric:
            figure = tally.numeric(column, edges[column.name], counts[column.name], marked)
            drawn.append(replace(figure, earlier=tuple(counts_before.get(column.name, np.empty(0)).tolist())))
        elif (category := tally.category(column.name, marked)) is not None:
            labels = before.labels(column.name)
            beside = tuple(labels.get(label, 0) for label in category.labels) if earlier else ()
            drawn.append(replace(category, earlier=beside))
    return drawn


def _counts(read: Read, edges: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How many values of each column lie between its edges; what lies beyond counts to the last bin there."""
    counts = {name: np.zeros(max(len(bounds) - 1, 0), dtype=np.int64) for name, bounds in edges.items()}
    for batch in read() if edges else ():
        for name, bounds in edges.items():
            if len(bounds):
                values = np.clip(_finite(column_of(batch, name)), bounds[0], bounds[-1])
                counts[name] += np.histogram(values, bins=bounds)[0]
    return counts


class _Tally:
    """The first pass: the range of numbers, the counts of categories, and nulls."""

    def __init__(self, numeric: Sequence[AnyField], others: Sequence[AnyField]) -> None:
        self._samples = {column.name: _Sample() for column in numeric}
        self._labels: dict[str, Counter[str]] = {column.name: Counter() for column in others}
        self._nulls: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        for name, sample in self._samples.items():
            values = _finite(column_of(batch, name))
            self._nulls[name] += batch.num_rows - len(values)
            sample.add(values)
        for name, labels in self._labels.items():
            self._nulls[name] += column_of(batch, name).null_count
            if len(labels) <= LABELS:
                labels.update(_labels(column_of(batch, name)))

    def labels(self, name: str) -> Mapping[str, int]:
        """How often a category came."""
        return self._labels[name]

    def edges(self, column: AnyField, bounds: Sequence[float | None], before: "_Tally") -> np.ndarray:
        """Edges of the bins, over what `before` has too: whole numbers apart for integers of a small range. A long tail
        is clipped."""
        samples = [tally._samples[column.name] for tally in (self, before)]
        spans = [(sample.low, sample.upper()) for sample in samples if sample.count]
        if not self._samples[column.name].count:
            return np.empty(0)
        given = [bound for bound in bounds if bound is not None]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        low, high = min(low, *given, low), max(high, *given, high)
        if pa.types.is_integer(column.type):
            step = max(1, int(np.ceil((high - low + 1) / BINS)))
            return np.arange(np.floor(low), np.floor(high) + step + 1, step, dtype=np.float64) - 0.5
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-30):
            # One value, or as good as one: a bar wide enough that its edges differ.
            half = max(0.5, 1e-6 * abs(low))
            return np.array([low - half, high + half])
        return np.linspace(low, high, BINS + 1)

    def numeric(
        self, column: AnyField, edges: np.ndarray, counts: np.ndarray, thresholds: tuple[Threshold, ...]
    ) -> Histogram:
        return Histogram(
            column=column.name,
            counts=tuple(counts.tolist()),
            nulls=self._nulls[column.name],
            edges=tuple(edges.tolist()),
            integer=pa.types.is_integer(column.type),
            clipped=bool(len(edges) and self._samples[column.name].high > edges[-1]),
            thresholds=thresholds,
        )

    def category(self, name: str, thresholds: tuple[Threshold, ...]) -> Histogram | None:
        labels = self._labels[name]
        if len(labels) > LABELS:
            return None
        ordered = sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))
        return Histogram(
            column=name,
            counts=tuple(count for _, count in ordered),
            nulls=self._nulls[name],
            labels=tuple(label for label, _ in ordered),
            thresholds=thresholds,
        )


class _Sample:
    """The range of a stream of numbers, and every so-manieth of them."""

    def __init__(self) -> None:
        self.count, self.low, self.high = 0, np.inf, -np.inf
        self._stride = 1
        self._kept: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
        self._kept.append(values[-self.count % self._stride :: self._stride])
        self.count += len(values)
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        while self.count // self._stride > SAMPLE:
            self._stride *= 2
            self._kept = [np.concatenate(self._kept)[::2]]

    def upper(self) -> float:
        """Where the axis ends: the largest value, or the 99.5th percentile where the rest is a long tail."""
        most = float(np.quantile(np.concatenate(self._kept), 0.995))
        return most if self.high - self.low > 4 * (most - self.low) > 0 else self.high


def _finite(column: Column) -> np.ndarray:
    values = numpy_values(cast_to(column, pa.float64())).astype(np.float64)
    return values[np.isfinite(values)]


def _labels(column: Column) -> dict[str, int]:
    return dict(value_counts(cast_to(values_where(column, is_valid(column)), pa.string())))


def _numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
