"""Spark as large as the corpus asks for."""

import pytest

from resources.config.spark_settings import PARTITION_ROWS, QUICK_ROWS, SparkSettings


@pytest.mark.parametrize(
    ("rows", "partitions", "quick"),
    [
        (0, 1, True),
        (QUICK_ROWS - 1, 4, True),
        (QUICK_ROWS, 4, False),
        (PARTITION_ROWS * 5 + 1, 6, False),
        (10**9, 32, False),
    ],
)
def test_settings_follow_the_corpus(rows: int, partitions: int, quick: bool) -> None:
    sized = SparkSettings().sized(rows)
    assert (sized.shuffle_partitions, sized.quick_start) == (partitions, quick)


def test_what_is_set_holds() -> None:
    assert not SparkSettings(quick_start=False).sized(10).quick_start
    assert SparkSettings(quick_start=True).sized(10**9).quick_start
    assert SparkSettings(shuffle_partitions=200).sized(10**9).shuffle_partitions == 200
    assert SparkSettings(shuffle_partitions=1).sized(10**9).shuffle_partitions == 1
