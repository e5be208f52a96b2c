"""Measures of the lake, read as decisions and gates need them: the columns asked for, in a stream."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.contract import Scope
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from resources.lake.tables import Lake

Without = Mapping[str, Collection[str]]
"""Deliveries whose measures by an audit are not to be used, by audit."""
NONE: Without = {}


def read_measures(
    lake: Lake, audit: str, *, identity: str, deliveries: Sequence[str], columns: set[str]
) -> Iterator[pa.RecordBatch]:
    """The keys and the given columns of an audit's measures, as a stream."""
    chosen = all_audits()[audit]
    where: dict[str, object] = {"identity": identity}
    if chosen.scope is not Scope.CORPUS:
        where["delivery"] = list(deliveries)
    keys = [name for name in ("delivery", "example_id", "turn") if name in chosen.schema.names]
    return lake.batches(chosen.table, where=where, columns=[*keys, *sorted(columns - set(keys))])


def used(deliveries: Sequence[str], without: Without, audit: str) -> list[str]:
    """The deliveries of which a version uses the audit's measures: all but those in `without`."""
    return [delivery for delivery in deliveries if delivery not in without.get(audit, ())]


def visual_ids(lake: Lake, deliveries: Sequence[str]) -> pa.Array:
    """Ids of the examples that show a picture."""
    batches = lake.batches(EXAMPLES, where={"delivery": list(deliveries)}, columns=["example_id", "image_ids"])
    visual: list[pa.Array] = []
    for batch in batches:
        pictures: Any = pc.list_value_length(batch.column("image_ids"))
        visual.append(batch.column("example_id").filter(pc.greater(pictures, pa.scalar(0))))
    return pa.concat_arrays(visual) if visual else pa.array([], pa.string())
