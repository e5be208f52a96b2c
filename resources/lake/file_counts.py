"""What came of each file of a delivery."""

from collections import defaultdict
from collections.abc import Iterable

from ops.core.log import Row
from ops.core.schemas import DROP_FILES
from resources.lake.tables import Lake


def file_counts(lake: Lake, deliveries: Iterable[str]) -> dict[str, list[Row]]:
    """The rows of `drop_files` of each of these deliveries that has any, in the order of the files' names."""
    by_delivery: defaultdict[str, list[Row]] = defaultdict(list)
    for row in lake.read(DROP_FILES, where={"delivery": list(deliveries)}).sort_by("file").to_pylist():
        by_delivery[row["delivery"]].append(row)
    return dict(by_delivery)
