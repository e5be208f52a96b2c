"""What steps cost is kept as it was measured, told in the report's order, and written for Prometheus."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ops.core.schemas import DROPS
from resources.engines.metering import Meter, Taken
from resources.lake.tables import Lake
from resources.report.cost_figures import cost_figures
from resources.status.costs import Embedded, StepRun, record_cost
from resources.status.metrics import MetricsError, write_metrics

BUSY = "import time\nwhile time.process_time() < 0.3: pass\ninput()"


def test_a_process_that_was_started_is_counted_while_it_lives_and_after() -> None:
    meter = Meter()
    with subprocess.Popen([sys.executable, "-c", f"{BUSY}"], stdin=subprocess.PIPE) as busy:
        while meter.read().processor_seconds < 0.3:
            pass
        busy.communicate(b"\n")
    taken = meter.read()
    assert taken.processor_seconds >= 0.3
    assert taken.seconds > 0


def test_the_last_run_of_a_step_that_came_to_its_end_counts(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    steps = [
        ("ingest", "a", Taken(9, 9), True),
        ("ingest", "a", Taken(1, 2), True),
        ("ingest", "a", Taken(50, 50), False),
        ("ingest", "b", Taken(1, 3), True),
        ("ingest", "other", Taken(70, 70), True),
        ("version", "", Taken(4, 6), True),
    ]
    for step, drop, taken, done in steps:
        record_cost(lake, StepRun("r", "job", step, drop), taken, done=done)
    for drop, contents in (("a", Embedded(30, 10, 1.5)), ("b", Embedded(0, 5, 0.0))):
        record_cost(lake, StepRun("r", "job", "embeddings", drop), Taken(0.5, 1), done=True, embedded=contents)
    version, ingest, vectors = cost_figures(lake, {"a", "b"}, 1000)
    assert (version.step, version.runs, version.seconds, version.processor_seconds) == ("version", 1, 4, 6)
    assert (ingest.step, ingest.runs, ingest.seconds, ingest.processor_seconds) == ("ingest", 2, 2, 5)
    assert (vectors.runs, vectors.embedded, vectors.known, vectors.gpu_seconds) == (2, 30, 15, 1.5)
    assert vectors.gpu_hours_per_million == pytest.approx(1.5 / 3600 * 1000)
    assert version.hours_per_million == pytest.approx(6 / 3600 * 1000)


def test_prometheus_reads_what_the_lake_holds(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    rows = {"rows_in": 10, "rows_kept": 7, "rows_quarantined": 3}
    lake.log(
        DROPS, lambda _: [{"drop": "d", "delivery": "d-1", "state": state, **rows} for state in ("arrived", "rejected")]
    )
    record_cost(lake, StepRun("r", "job", "ingest", "d"), Taken(2, 3), done=True)
    record_cost(lake, StepRun("r", "job", "ingest", "d"), Taken(1, 1), done=False)
    record_cost(lake, StepRun("r", "job", "embeddings", "d"), Taken(2, 3), done=True, embedded=Embedded(50, 7, 1.5))
    file = tmp_path / "collector" / "assay.prom"
    write_metrics(lake, str(file))
    families = {family.name: family for family in text_string_to_metric_families(file.read_text("utf-8"))}
    samples = {
        (name, *sample.labels.values()): sample.value for name, family in families.items() for sample in family.samples
    }
    assert samples["assay_drops", "rejected"] == 1
    assert [samples["assay_rows", name] for name in ("in", "kept", "quarantined")] == [10, 7, 3]
    assert (samples["assay_step_runs", "done", "ingest"], samples["assay_step_runs", "failed", "ingest"]) == (1, 1)
    assert (samples["assay_step_seconds", "ingest"], samples["assay_step_processor_seconds", "ingest"]) == (3, 4)
    assert [samples["assay_contents", name] for name in ("embedded", "known")] == [50, 7]
    assert (samples[("assay_embedded_per_second",)], samples[("assay_gpu_seconds",)]) == (25, 1.5)
    assert ("assay_version",) not in samples


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MetricsError, match=r"operation\.metrics: .*assay\.prom cannot be written"):
        write_metrics(Lake(tmp_path / "lake"), str(tmp_path / "file" / "assay.prom"))
