"""The probability that a preference is flipped, estimated from planted flips."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ops.exports.flips import JUDGED, flip_estimate


def judgement(pair: int, chosen: str, rejected: str, voter: str | None, row: str = "") -> dict[str, Any]:
    return {
        "example_id": row or f"row {pair} {voter}",
        "image_key": "i",
        "query_key": f"q{pair}",
        "response_key": chosen,
        "opponent_key": rejected,
        "label": "chosen",
        "annotator": voter,
    }


def batches(rows: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    schema = pa.schema([(name, pa.string()) for name in JUDGED])
    return pa.Table.from_pylist(rows, schema=schema).to_batches(max_chunksize=100)


@pytest.mark.parametrize("flipped", [0.0, 0.05, 0.2, 0.4])
def test_planted_flips_are_found(flipped: float):
    """Two voters on each of 3000 pairs, each of whom is wrong with that probability."""
    rng = np.random.default_rng(7)
    rows = [
        judgement(pair, *(("worse", "better") if rng.random() < flipped else ("better", "worse")), voter)
        for pair in range(3000)
        for voter in ("kim", "lee")
    ]
    estimate = flip_estimate(batches(rows))
    assert estimate is not None
    assert estimate.pairs == 3000
    assert estimate.low <= flipped <= estimate.high
    assert estimate.probability == pytest.approx(flipped, abs=0.05)
    assert estimate.low <= estimate.probability <= estimate.high


def test_a_voter_has_one_vote_and_a_row_without_a_name_is_one():
    once = [judgement(1, "a", "b", "kim"), judgement(1, "a", "b", " kim "), judgement(2, "a", "b", None, row="r")]
    assert flip_estimate(batches(once)) is None
    two = [judgement(2, "a", "b", "", row="r"), judgement(2, "b", "a", None, row="s")]
    estimate = flip_estimate(batches(two))
    assert estimate is not None
    assert (estimate.pairs, estimate.probability) == (1, 0.5)


def test_only_pairs_of_two_responses_count():
    rows = [judgement(1, "a", "a", voter) for voter in ("kim", "lee")]
    rows += [{**judgement(2, "a", "b", voter), "label": "rejected"} for voter in ("kim", "lee")]
    rows += [{**judgement(3, "a", "b", voter), "opponent_key": None} for voter in ("kim", "lee")]
    assert flip_estimate(batches(rows)) is None
    assert flip_estimate([]) is None
