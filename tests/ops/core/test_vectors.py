"""Vectors of one width, those too of which there are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors, joined
from ops.evidence.inputs import RowInputs

NONE = Vectors.of([], np.zeros((0, 0)))
SOME = Vectors.of([text_id("one"), text_id("two")], np.eye(2, 5))


def test_none_at_all_are_as_wide_as_those_that_stand_beside_them() -> None:
    inputs = RowInputs(EXAMPLES.schema.empty_table(), NONE, SOME, NONE, SOME)
    assert [one.width for one in (inputs.images, inputs.texts, inputs.bank_images, inputs.bank_texts)] == [5] * 4
    assert inputs.texts is SOME
    gathered, known = inputs.images.gather(["of no picture"])
    assert (gathered.shape, known.tolist()) == ((1, 5), [False])


def test_where_there_are_none_on_any_side_no_width_is_known() -> None:
    inputs = RowInputs(EXAMPLES.schema.empty_table(), NONE, NONE, NONE, NONE)
    assert inputs.images.gather(["of no picture"])[0].shape == (1, 0)


def test_vectors_of_two_encoders_do_not_go_together() -> None:
    other = Vectors.of([text_id("one")], np.eye(1, 3))
    with pytest.raises(ValueError, match="of 3 dimensions stand beside others of 5"):
        RowInputs(EXAMPLES.schema.empty_table(), other, SOME, NONE, SOME)


@given(
    ids=st.lists(st.text("ab", min_size=1, max_size=3), unique=True, max_size=12),
    owners=st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=12, max_size=12),
    wanted=st.sets(st.text("abc", min_size=1, max_size=3), max_size=8),
)
def test_parts_joined_are_the_whole_and_a_choice_is_what_was_asked(
    ids: list[str], owners: list[set[int]], wanted: set[str]
) -> None:
    whole = Vectors.of(ids, np.arange(3 * len(ids), dtype=np.float16).reshape(-1, 3))
    parts = [whole.among([i for i, held in zip(ids, owners, strict=False) if part in held]) for part in range(3)]
    again = joined([*parts, NONE])
    assert again.ids.tolist() == whole.ids.tolist()
    assert again.matrix.tolist() == whole.matrix.tolist()
    chosen = whole.among(wanted)
    assert chosen.ids.tolist() == sorted(one.encode() for one in wanted & set(ids))
    expected = [row if i in wanted else [0, 0, 0] for i, row in zip(ids, whole.gather(ids)[0].tolist(), strict=True)]
    assert chosen.gather(ids)[0].tolist() == expected
