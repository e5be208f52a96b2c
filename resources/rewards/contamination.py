"""What the questions that a reward is tried on share with evaluation sets and with SFT, as the lake's audits measured
it: a reward that is good at them may have learnt them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.arrow import column_values
from ops.core.grades import WARN
from ops.rewards.findings import Finding, counted
from resources.lake.tables import Lake

NAME = "contamination"


def contamination(lake: Lake, drawn: pa.Table) -> list[Finding]:
    """Findings about examples (`delivery`, `example_id`, `kind`) at whatever settings they were measured; none where
    they were not."""
    ids = column_values(drawn, "example_id", str)
    kinds = dict(zip(ids, column_values(drawn, "kind", str), strict=True))
    deliveries = sorted(set(column_values(drawn, "delivery", str)))
    evaluated = _measures(lake, "benchmark_leaks", deliveries, kinds, "is_leak")
    taught = _measures(lake, "sft_overlap", deliveries, kinds, "both")
    prompts = [name for name, kind in kinds.items() if kind == "prompt"]
    probes = (
        ("evaluation_sets", evaluated, list(evaluated), "an evaluation set asks the same"),
        ("sft", taught, prompts, "SFT asked the same of the same picture"),
    )
    return [_finding(probe, measured, asked, detail) for probe, measured, asked, detail in probes if measured]


def _measures(
    lake: Lake, audit: str, deliveries: Sequence[str], ids: Mapping[str, str], column: str
) -> dict[str, bool]:
    """By example, whether the column says yes, or counts any, in any of the measures."""
    where = {"delivery": deliveries, "example_id": list(ids)}
    rows = lake.read(all_audits()[audit].table, where=where, columns=["example_id", column])
    measured: dict[str, bool] = {}
    for row in rows.to_pylist():
        measured[row["example_id"]] = measured.get(row["example_id"], False) or bool(row[column])
    return measured


def _finding(probe: str, measured: Mapping[str, bool], asked: Sequence[str], detail: str) -> Finding:
    shared = [name for name in asked if measured.get(name)]
    worst = shared[0] if shared else ""
    return replace(counted(NAME, len(shared), len(asked), detail, verdict=WARN, worst=worst), probe=probe)
