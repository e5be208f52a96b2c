"""Streams cut where groups end."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.corpus.groups import whole_groups


@given(st.lists(st.integers(-2, 2), max_size=40), st.lists(st.integers(0, 9), max_size=12))
def test_groups_are_whole_and_all_rows_stay_in_order(keys: list[int], lengths: list[int]) -> None:
    rows = pa.RecordBatch.from_pydict({"key": pa.array(sorted(keys), pa.int64()), "at": list(range(len(keys)))})
    batches, at = [], 0
    for length in [*lengths, len(keys)]:
        batches.append(rows.slice(at, length))
        at = min(len(keys), at + length)
    cut = [batch.to_pydict() for batch in whole_groups(batches, ["key"])]
    assert [n for batch in cut for n in batch["at"]] == list(range(len(keys)))
    of = [set(batch["key"]) for batch in cut]
    assert all(of)
    assert sum(map(len, of)) == len(set(keys))
