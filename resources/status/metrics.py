"""Figures of a lake for Prometheus, as a file for the textfile collector of its node exporter: nothing listens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from ops.core.errors import AssayError
from ops.core.log import Log
from ops.core.measure_schemas import EMBEDDINGS, MEASURES_GATES, STEP_COSTS
from ops.core.schemas import DROPS
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import read_log
from resources.intake.corpus_drops import last_of_drops
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class _Figure:
    """A metric: what it says, the names of its labels, and its samples by their values."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    samples: Mapping[tuple[str, ...], float]


class MetricsError(AssayError, OSError):
    """The file of metrics cannot be written: says why."""


def write_metrics(lake: Lake, file: str) -> None:
    """Writes the figures of the lake, at once, so that a reader sees a whole file. MetricsError where it cannot be."""
    registry = CollectorRegistry()
    for figure in _figures(lake):
        gauge = Gauge(f"assay_{figure.name}", figure.meaning, figure.labels, registry=registry)
        for values, sample in figure.samples.items():
            (gauge.labels(*values) if values else gauge).set(sample)
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(file, registry)
    except OSError as error:
        fix = "name another file in operation.metrics, or give this user the right to write there"
        raise MetricsError(f"operation.metrics: {file} cannot be written ({error.strerror}); {fix}") from error


def _figures(lake: Lake) -> list[_Figure]:
    gates = Counter(lake.read(MEASURES_GATES, columns=["success"])["success"].to_pylist())
    judged = {("passed",): float(gates[True]), ("failed",): float(gates[False])}
    embedded: Counter[tuple[str, ...]] = Counter()
    for part in lake.parts(EMBEDDINGS):
        embedded[part.partition["encoder"] or "", part.partition["modality"] or ""] += part.rows
    return [
        *_drops(lake),
        *_versions(lake),
        *_steps(lake),
        _Figure("measures_gates", "Outcomes of the gates of measures", ("outcome",), judged),
        _Figure("embedded", "Vectors in the lake", ("encoder", "modality"), embedded),
    ]


def _drops(lake: Lake) -> list[_Figure]:
    last = last_of_drops(Log.of(lake.read(DROPS))).values()
    states = Counter((str(row["state"]),) for row in last)
    rows: Counter[tuple[str, ...]] = Counter()
    for row in last:
        for name in ("in", "kept", "quarantined"):
            rows[(name,)] += row[f"rows_{name}"] or 0
    return [
        _Figure("drops", "Drops by the state of their last delivery", ("state",), states),
        _Figure("rows", "Rows of the drops' last deliveries", ("outcome",), rows),
    ]


def _versions(lake: Lake) -> list[_Figure]:
    versions = read_log(Log.of(lake.read(VERSIONS)))
    states = Counter((version.state,) for version in versions)
    figures = [_Figure("versions", "Versions by state", ("state",), states)]
    for version in versions:
        if version.current:
            actions = {(action,): count for action, count in version.counts.get("actions", {}).items()}
            figures += [
                _Figure("version", "Number of the current version", (), {(): version.number}),
                _Figure("version_at_seconds", "When it became current", (), {(): version.at.timestamp()}),
                _Figure("examples", "Examples of the current version by what is done with them", ("action",), actions),
            ]
    return figures


def _steps(lake: Lake) -> list[_Figure]:
    runs: Counter[tuple[str, ...]] = Counter()
    seconds: Counter[tuple[str, ...]] = Counter()
    spent: Counter[tuple[str, ...]] = Counter()
    contents: Counter[tuple[str, ...]] = Counter()
    held = pace = 0.0
    for row in lake.read(STEP_COSTS).to_pylist():
        runs[row["step"], row["outcome"]] += 1
        seconds[(row["step"],)] += row["seconds"]
        spent[(row["step"],)] += row["processor_seconds"]
        contents[("embedded",)] += row["embedded"] or 0
        contents[("known",)] += row["known"] or 0
        held += row["gpu_seconds"] or 0.0
        pace = row["embedded"] / max(row["seconds"], 1e-3) if row["embedded"] else pace
    return [
        _Figure(
            "contents", "Images and texts that steps embedded, or had vectors of from before", ("outcome",), contents
        ),
        _Figure("embedded_per_second", "Contents a second of the last step that embedded any", (), {(): pace}),
        _Figure("gpu_seconds", "Time that encoders held GPUs", (), {(): held}),
        _Figure("step_runs", "Times that a step ran, since the lake was made", ("step", "outcome"), runs),
        _Figure("step_seconds", "Time that they took", ("step",), seconds),
        _Figure(
            "step_processor_seconds", "Processor time that they took, on the machine that drove them", ("step",), spent
        ),
    ]
