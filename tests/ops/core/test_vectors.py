"""Vectors of one width, those too of which there are none."""

import numpy as np
import pytest

from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs

NONE = Vectors.of([], np.zeros((0, 0)))
SOME = Vectors.of([text_id("one"), text_id("two")], np.eye(2, 5))


def test_none_at_all_are_as_wide_as_those_that_stand_beside_them() -> None:
    inputs = RowInputs(EXAMPLES.schema.empty_table(), NONE, SOME, NONE, SOME)
    assert [one.width for one in (inputs.images, inputs.texts, inputs.bank_images, inputs.bank_texts)] == [5] * 4
    assert inputs.texts is SOME
    found, known = inputs.images.gather(["of no picture"])
    assert (found.shape, known.tolist()) == ((1, 5), [False])


def test_where_there_are_none_on_any_side_no_width_is_known() -> None:
    inputs = RowInputs(EXAMPLES.schema.empty_table(), NONE, NONE, NONE, NONE)
    assert inputs.images.gather(["of no picture"])[0].shape == (1, 0)


def test_vectors_of_two_encoders_do_not_go_together() -> None:
    other = Vectors.of([text_id("one")], np.eye(1, 3))
    with pytest.raises(ValueError, match="of 3 dimensions stand beside others of 5"):
        RowInputs(EXAMPLES.schema.empty_table(), other, SOME, NONE, SOME)
