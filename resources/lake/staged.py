"""Files that are written and not yet committed: what a worker gives the driver in place of rows."""

import time
from dataclasses import dataclass

from ops.core.schemas import TableSpec
from resources.lake.files import Partition, WrittenFile
from resources.lake.statistics import delta_statistics


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file written into a table's folder and not yet committed. `path` is relative to the lake's root,
    `size` in bytes, `modified_ms` since the epoch, `stats` Delta's JSON."""

    path: str
    size: int
    rows: int
    partition: dict[str, str]
    modified_ms: int
    stats: str

    @classmethod
    def of(cls, spec: TableSpec, file: WrittenFile, partition: Partition, base: str) -> "StagedFile":
        """A file that was just written below `base`, the lake's root on its storage."""
        values = {name: str(partition[name]) for name in spec.partition_by}
        path = file.path.removeprefix(f"{base}/")
        modified_ms = time.time_ns() // 1_000_000
        return cls(path, file.size, file.metadata.num_rows, values, modified_ms, delta_statistics(file.metadata))
