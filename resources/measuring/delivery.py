"""Row- and drop-scope audits over one delivery, on Ray.

examples (batches) + evidence (shared) -> measures_<audit>, partition (delivery, identity)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import ray

from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from ops.evidence.inputs import RowInputs
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.measuring.evidence import example_batches, gather_evidence
from resources.measuring.recorded import once, row_identities, unmeasured


@dataclass(frozen=True, slots=True)
class _Plan:
    """An audit by name, what it is set to, and what its measures are then called."""

    audit: str
    settings: Any
    identity: str


def measure_delivery(
    lake: Lake, delivery: str, *, names: Sequence[str], settings: Settings, encoder: str, progress: Progress
) -> dict[str, int]:
    """Measures the delivery with the named audits and commits each; returns rows written by audit.

    Audits whose measures are there already are left out. Examples are streamed; what they are measured against is held
    once a machine, in Ray's object store.
    """
    identities = {name: i for name, i in row_identities(settings, encoder).items() if name in names}
    missing_audits = [all_audits()[name] for name in unmeasured(lake, delivery, identities)]
    if not missing_audits:
        return {}
    evidence = ray.put(
        gather_evidence(lake, delivery, settings=settings, encoder=encoder, audits=missing_audits, progress=progress)
    )
    staged: dict[str, list[StagedFile]] = {audit.name: [] for audit in missing_audits}
    for audits, batches in _passes(lake, delivery, missing_audits):
        plans = [_Plan(audit.name, settings.audit(audit.name), identities[audit.name]) for audit in audits]
        measure = partial(_measure_batch, lake=lake, evidence=evidence, plans=plans)
        label = f"Measure {audits[0].name}" + (f" and {len(audits) - 1} more" if len(audits) > 1 else "")
        for files_by_audit in ray_map(measure, batches, progress=progress, label=label):
            for name, files in files_by_audit.items():
                staged[name] += files
    for audit in missing_audits:
        lake.commit(audit.table, staged[audit.name], once=once(delivery, identities[audit.name]))
    return {name: sum(file.rows for file in files) for name, files in staged.items()}


def _passes(lake: Lake, delivery: str, audits: Sequence[Audit]) -> Iterator[tuple[list[Audit], Iterator[pa.Table]]]:
    """Row-scope audits share one streamed pass; those of drop scope need the delivery as a whole."""
    by_row = [audit for audit in audits if audit.scope is Scope.ROW]
    if by_row:
        yield by_row, example_batches(lake, delivery)
    by_drop = [audit for audit in audits if audit.scope is Scope.DROP]
    if by_drop:
        yield by_drop, iter([lake.read(EXAMPLES, where={"delivery": delivery})])


def _measure_batch(
    examples: pa.Table, *, lake: Lake, evidence: ray.ObjectRef, plans: Sequence[_Plan]
) -> dict[str, list[StagedFile]]:
    """Runs in a worker: measures one batch with each audit and stages the rows."""
    beside: RowInputs = ray.get(evidence)
    inputs = replace(beside, examples=examples)
    deliveries = examples["delivery"].unique().to_pylist()
    staged: dict[str, list[StagedFile]] = {}
    for plan in plans:
        audit = all_audits()[plan.audit]
        rows: pa.Table = audit.measure(inputs, plan.settings)
        if rows.schema != audit.schema:
            raise TypeError(f"audit {plan.audit} promised the columns {audit.schema} but measured {rows.schema}")
        rows = rows.append_column("identity", pa.repeat(pa.scalar(plan.identity), len(rows)))
        partition = {"delivery": deliveries[0], "identity": plan.identity} if deliveries else {}
        staged[plan.audit] = lake.stage(audit.table, rows, partition) if len(rows) else []
    return staged
