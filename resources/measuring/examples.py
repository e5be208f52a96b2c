"""The examples of a delivery, as workers read them, and the texts that audits want of them."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from resources.lake.parts import Part
from resources.lake.tables import Lake

_BATCH_ROWS = 8192


def delivery_parts(lake: Lake, delivery: str, *, rows: int | None = None) -> list[Part]:
    """The delivery's examples, in parts of at most about so many rows; files as they are where None."""
    return lake.parts(EXAMPLES, where={"delivery": delivery}, rows=rows)


def example_batches(lake: Lake, parts: Sequence[Part]) -> Iterator[pa.Table]:
    """Their examples, a few thousand at a time."""
    for batch in lake.batches(EXAMPLES, parts=parts, batch_rows=_BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def source_files(examples: pa.Table) -> list[str | None]:
    """The file of the drop that each example came from."""
    return [(place or {}).get("file") for place in examples["provenance"].to_pylist()]


def wanted_texts(examples: pa.Table, audits: Iterable[Audit] | None = None) -> set[str]:
    """The texts of these examples that some audit, of all or of those given, wants embedded."""
    asking = all_audits().values() if audits is None else audits
    return {text for audit in asking if audit.texts is not None for text in audit.texts(examples)}
