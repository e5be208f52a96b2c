"""The facts of a candidate whose rows are at hand."""

from collections.abc import Iterable

import pyarrow as pa

from ops.core.hashing import joined, key_hashes
from ops.gates.candidate_facts import candidate_facts, order_facts, order_keys, share_facts

Batches = Iterable[pa.RecordBatch]


def facts_of_rows(
    *, examples: Batches, verdicts: Batches, curated: Batches, curriculum: Batches
) -> dict[str, pa.Table]:
    """As the gate counts them, all in one share."""
    known = joined(key_hashes(batch) for batch in examples)
    facts, members = share_facts(examples=known, verdicts=verdicts, curated=curated)
    order = order_keys(curriculum)
    return candidate_facts([facts], [order_facts(members, order, range(len(order.keys)))])
