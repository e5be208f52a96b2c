"""Keys of what audits compare, of deliveries that an audit reads for the first time: made from what was delivered."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from ops.audits.contract import StoredKeys
from ops.core.canonical import RULES
from resources.engines.spark_tables import write_frame
from resources.lake.tables import Lake


def fill_keys(
    lake: Lake, keys: StoredKeys, settings: Any, deliveries: Sequence[str], delivered: Callable[[str], DataFrame]
) -> None:
    """Makes the keys, by these settings of the audit, of those of the deliveries that lack them, from what `delivered`
    says of each."""

    def rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (keys.rows(batch, settings) for batch in batches)

    rules = keys.rules(settings, RULES)
    names = {f"{delivery}/{rules}": delivery for delivery in deliveries}
    for once in sorted(names.keys() - lake.committed_of(keys.spec, names)):
        made = delivered(names[once]).mapInArrow(rows, from_arrow_schema(keys.schema)).drop("delivery")
        write_frame(made, lake, keys.spec, partition={"delivery": names[once], "rules": rules}, once=once)
