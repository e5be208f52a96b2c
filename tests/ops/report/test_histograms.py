"""Two populations on one axis: nothing of either is lost, whatever the batches are."""

from collections.abc import Iterator

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.report.charts import histogram
from ops.report.histograms import histograms

NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=40)
COLUMNS = [pa.field("score", pa.float64()), pa.field("kind", pa.string())]


def batches(numbers: list[float | None]) -> Iterator[pa.RecordBatch]:
    for at in range(0, len(numbers), 7):
        part = numbers[at : at + 7]
        kinds = [None if value is None else "low" if value < 0 else "high" for value in part]
        yield pa.record_batch({"score": pa.array(part, pa.float64()), "kind": kinds})


def usable(numbers: list[float | None]) -> int:
    return sum(1 for value in numbers if value is not None and value == value)


@given(present=NUMBERS, before=NUMBERS)
def test_every_value_of_both_is_counted_on_one_axis(present: list[float | None], before: list[float | None]) -> None:
    score, kind = histograms(lambda: batches(present), COLUMNS, {}, earlier=lambda: batches(before))
    assert sum(score.counts) == usable(present)
    if usable(present):
        assert sum(score.earlier) == usable(before)
        assert len(score.earlier) == len(score.counts) == len(score.edges) - 1
        assert ("before" in histogram(score)) == (usable(before) > 0)
    assert len(kind.earlier) == len(kind.counts)
    alone = histograms(lambda: batches(present), COLUMNS, {})
    assert [(figure.counts if figure.labels else sum(figure.counts), figure.earlier) for figure in alone] == [
        (sum(score.counts), ()),
        (kind.counts if kind.labels else 0, ()),
    ]
