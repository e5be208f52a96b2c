"""Contradiction rates."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.contradictions import FLAGS
from ops.corpus.rates import contradiction_rates
from tests.support.corpora import Judged, frames


def test_shares_and_intervals_by_kind_dataset_and_delivery(spark: SparkSession) -> None:
    rows = [Judged("a", label="good", image=f"{n}", dataset="vqa") for n in range(10)]
    rows += [Judged("a", label="good", image=f"{n}", drop="two") for n in range(4)]
    preferences = frames(spark, rows)["preferences"]
    flipped = preferences.where("dataset = 'vqa'").orderBy("judgement_id").limit(2)
    measures = flipped.select("delivery", "example_id", "judgement_id").withColumns(
        {name: F.lit(name == "is_flip") for name in FLAGS}
    )
    rates = {
        (row["delivery"], row["dataset"], row["kind"]): row
        for row in contradiction_rates(measures, preferences).collect()
    }
    assert len(rates) == 2 * (len(FLAGS) + 1)
    flips = rates["one-0", "vqa", "is_flip"]
    assert (flips["judged"], flips["found"], flips["share"]) == (10, 2, 0.2)
    # Wilson's interval of 2 in 10, as tables give it.
    assert (flips["low"], flips["high"]) == (pytest.approx(0.0567, abs=1e-4), pytest.approx(0.5098, abs=1e-4))
    assert rates["one-0", "vqa", "any"]["found"] == 2
    assert rates["two-0", None, "is_flip"]["found"] == 0
    assert rates["two-0", None, "is_flip"]["low"] == 0
