"""What labels of reviewers told of a version, as its report shows it."""

from ops.core.log import Log
from ops.core.version_schemas import CALIBRATIONS
from ops.report.data import LabelFigure
from resources.lake.tables import Lake

_CURVE = "threshold"
_COLUMNS = ("subject", "name", "figure", "value", "low", "high", "rows")


def label_figures(lake: Lake, version: int) -> tuple[LabelFigure, ...]:
    """The figures of the version's last calibration, in their order, without the points of its curve."""
    rows = Log.of(lake.read(CALIBRATIONS, where={"version": version})).rows
    last = [row for row in rows if row["at"] == rows[-1]["at"] and row["subject"] != _CURVE]
    return tuple(LabelFigure(*(row[name] for name in _COLUMNS)) for row in last)
