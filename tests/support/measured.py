"""The one measure that a curriculum needs, of a delivery that nothing else has measured."""

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from resources.lake.tables import Lake


def measure_difficulty(lake: Lake, delivery: str) -> None:
    """Difficulty of the delivery's examples, under the identity `d0`."""
    nothing = Vectors.of([], np.zeros((0, 0)))
    audit = all_audits()["difficulty"]
    examples = lake.read(EXAMPLES, where={"delivery": delivery})
    measured = audit.measure(RowInputs(examples, nothing, nothing, nothing, nothing), None).to_pylist()
    rows = pa.Table.from_pylist([{**row, "identity": "d0"} for row in measured], schema=audit.table.schema)
    lake.write(audit.table, rows, partition={"delivery": delivery, "identity": "d0"}, once="measured")
