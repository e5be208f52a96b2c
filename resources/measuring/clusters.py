"""The clusters in which an audit of the corpus compares examples: a bank of centres, and who is nearest to which.

examples, embeddings -> cluster_centres, partition (rules); example_clusters, partition (delivery, rules)

A bank is found once and stays as it is. It is named after the deliveries that it was found among: those that came
first and hold half of the corpus at least, so that the next deliveries leave it as it is, until they have doubled it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Clusters
from ops.core.arrow import column_values
from ops.core.key_schemas import CLUSTER_CENTRES
from ops.corpus.links import State
from resources.engines.spark_tables import write_frame
from resources.lake.tables import Lake

ReadTables = Callable[[Sequence[str]], Mapping[str, DataFrame]]
"""The tables that clusters are made from, of certain deliveries."""


def first_half(rows: Mapping[str, int]) -> list[str]:
    """Of the deliveries, given in the order in which they came with their rows, the first ones that hold as many rows
    as the largest power of two that all of them reach."""
    enough = 1 << max(0, sum(rows.values()).bit_length() - 1)
    held = accumulate(rows.values(), initial=0)
    return [delivery for delivery, before in zip(rows, held, strict=False) if before < enough]


def bank_among(
    lake: Lake, clusters: Clusters, settings: Any, name: str, deliveries: Sequence[str], read: ReadTables
) -> State:
    """The bank of that name; it is found among these deliveries where the lake has none."""
    while True:
        if not lake.committed(CLUSTER_CENTRES, name):
            rows = clusters.centres(read(deliveries), settings)
            columns = {
                "rules": [name] * len(rows),
                "cluster": [*range(len(rows))],
                "centre": [row.tobytes() for row in rows],
            }
            table = pa.Table.from_pydict(columns, schema=CLUSTER_CENTRES.schema)
            lake.write(CLUSTER_CENTRES, table, partition={"rules": name}, once=name)
        bank = stored_bank(lake, name)
        if lake.committed(CLUSTER_CENTRES, name):  # or it was retired meanwhile, and looks like one without centres
            return bank


def stored_bank(lake: Lake, name: str) -> State:
    """The bank of that name, which the lake has."""
    stored = lake.read(CLUSTER_CENTRES, where={"rules": name})
    numbered = zip(column_values(stored, "cluster", int), column_values(stored, "centre", bytes), strict=True)
    centres = [np.frombuffer(centre, "<f4") for _, centre in sorted(numbered)]
    return State(np.stack(centres) if centres else np.zeros((0, 0), np.float32), name)


def fill_clusters(lake: Lake, clusters: Clusters, bank: State, deliveries: Sequence[str], read: ReadTables) -> None:
    """Places the examples of those of the deliveries in which none has a place by this bank."""
    names = {f"{delivery}/{bank.name}": delivery for delivery in deliveries}
    missing = sorted(names.keys() - lake.committed_of(clusters.spec, names))
    if not missing:
        return
    # Of all of them at once: vectors lie by content, and to look for those of one delivery is to look at all.
    placed = clusters.rows(read([names[once] for once in missing]), bank.value).localCheckpoint()
    for once in missing:
        own = placed.where(F.col("delivery") == names[once]).drop("delivery")
        write_frame(own, lake, clusters.spec, partition={"delivery": names[once], "rules": bank.name}, once=once)
