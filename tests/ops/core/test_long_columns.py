"""Columns of text longer than Arrow's plain strings hold in one piece (2 GiB) are looked up all the same."""

import pyarrow as pa
import pytest

from ops.core.arrow import as_large, index_in, is_in


def test_ids_are_looked_up_in_several_pieces():
    among = pa.chunked_array([["a", "b"], ["c", None]])
    wanted = pa.chunked_array([["c", "z"], ["b"]])
    assert index_in(wanted, among).to_pylist() == [2, None, 1]
    assert is_in(wanted, among).to_pylist() == [True, False, True]
    assert index_in(pa.array([3, 4]), pa.array([4])).to_pylist() == [None, 0]


@pytest.mark.full
def test_more_text_than_one_piece_holds_is_looked_up():
    piece = pa.array(["x" * (64 << 20), "y" * (64 << 20)])
    among = pa.chunked_array([*[piece] * 17, pa.array(["last"])])
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        among.combine_chunks()
    assert index_in(pa.array(["last", "first"]), among).to_pylist() == [34, None]
    assert len(as_large(among)) == 35
