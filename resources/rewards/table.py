"""A column of rewards in a Parquet file: `prompt` (or `query`, `question`, `problem`), `completion` (or `response`,
`answer`, `output`), a ground truth where there is one (`ground_truth` or `solution`), and the column named."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.errors import UnusableError
from ops.core.parquet_files import file_batches
from ops.rewards.findings import verdict_of
from ops.rewards.observed import Rewarded, observed_findings, rewarded
from resources.rewards.auditing import RewardAudit

_MOST_ROWS = 100_000


def audit_column(path: Path, column: str) -> RewardAudit:
    """The audit of given rewards, of at most the first 100,000 rows. UnusableError where the file cannot be read or
    lacks a column."""
    rows: list[Rewarded] = []
    try:
        with pq.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise UnusableError(f"{path} has no column {column!r}; it has {', '.join(file.schema_arrow.names)}")
            for batch in file_batches(file, 4096):
                rows.extend(rewarded(record, column) for record in batch.to_pylist())
                if len(rows) >= _MOST_ROWS:
                    break
    except KeyError as missing:
        raise UnusableError(f"{path} has no column {missing.args[0]!r} (see docs/rewards.md); rename one") from None
    except (pa.ArrowException, OSError) as error:
        raise UnusableError(f"{path} cannot be read as Parquet ({error})") from None
    if not rows:
        raise UnusableError(f"{path} has no rows")
    rows = rows[:_MOST_ROWS]
    findings = observed_findings(rows, [f"row {number}" for number in range(len(rows))])
    return RewardAudit(verdict_of(findings), tuple(findings), len(rows), 0, len(rows))
