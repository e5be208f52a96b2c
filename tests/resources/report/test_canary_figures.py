"""The report's section of canaries: by fault, of the version's drops in the order in which they were measured."""

from pathlib import Path

from resources.lake.tables import Lake
from resources.report.canary_figures import MOST_DELIVERIES, canary_figures
from tests.support.flown import fly


def test_the_last_drops_of_the_version_are_shown(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    drops = {f"d{number}-1": f"d{number}" for number in range(MOST_DELIVERIES + 2)}
    for hour, delivery in enumerate(drops):
        fly(lake, delivery, 90 - hour, hour=hour)
    fly(lake, "elsewhere-1", 1)
    rows = canary_figures(lake, drops)
    assert [(row.drop, row.outcome.caught) for row in rows] == [
        (f"d{number}", 90 - number) for number in range(2, MOST_DELIVERIES + 2)
    ]
    assert {(row.outcome.fault, row.outcome.planted, row.outcome.own) for row in rows} == {("wrong_image", 100, 1000)}
    assert canary_figures(Lake(tmp_path / "empty"), drops) == ()
