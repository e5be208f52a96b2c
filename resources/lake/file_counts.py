"""What came of each file of a delivery."""

from collections import defaultdict
from collections.abc import Iterable

from ops.core.arrow import sorted_by
from ops.core.log import Row
from ops.core.schemas import DROP_FILES
from resources.lake.tables import Lake


def file_counts(lake: Lake, deliveries: Iterable[str]) -> dict[str, list[Row]]:
    """The rows of `drop_files` of each of these deliveries that has any, in the order of the files' names."""
    by_delivery: defaultdict[str, list[Row]] = defaultdict(list)
    rows = sorted_by(lake.read(DROP_FILES, where={"delivery": list(deliveries)}), "file")
    for row in rows.to_pylist():
        by_delivery[row["delivery"]].append(row)
    return dict(by_delivery)
