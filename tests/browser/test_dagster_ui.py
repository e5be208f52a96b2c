"""The UI of `make dev` in a real Chromium: what a data engineer looks for is there, and runs start from it.

With ASSAY_PICTURES the pictures of README.md are taken into that folder.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from dagster._core.storage.tags import BACKFILL_ID_TAG

from assets.partitions import drops
from pipelines.execution import open_instance
from pipelines.run_names import drops_of
from tests.support.drops import llava, make_drop

pytestmark = [pytest.mark.full, pytest.mark.browser]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 900
JOB = "/locations/pipelines.definitions/jobs/drop_job"
CONFIG = """
ingest: {{watched: {arriving}}}
operation: {{watch: true, watch_seconds: 1, owners: ["team:data"]}}
spark: {{quick_start: true}}
"""


def deliver(folder: Path, *, pictures: str = "images/{}.png", answer: str = "A square.") -> None:
    make_drop(folder, [llava(number, pictures.format(number % 4), answer) for number in range(12)])
    (folder / "_SUCCESS").touch()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A watched folder with a sound drop and a broken one; a drop that lies elsewhere."""
    folder = tmp_path_factory.mktemp("ui")
    deliver(folder / "arriving" / "monday")
    deliver(folder / "arriving" / "broken", pictures="images/gone-{}.png")
    deliver(folder / "elsewhere" / "tuesday", answer="A circle.")
    (folder / "assay.yaml").write_text(CONFIG.format(arriving=folder / "arriving"))
    with open_instance(folder / "lake") as instance:
        instance.add_dynamic_partitions(str(drops.name), ["monday", "tuesday"])
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where `make dev` serves the UI; the target's set-up was made by that of these tests."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    lake, config = folder / "lake", folder / "assay.yaml"
    command = ["make", "-s", "-o", "setup", "dev", f"LAKE={lake}", f"CONFIG={config}", f"PORT={port}"]
    with (folder / "log").open("wb") as log:
        served = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", served, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(served.pid, signal.SIGKILL)
        served.wait()


def _wait_for(url: str, served: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        assert served.poll() is None, log.read_text()[-3000:]
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - of this machine
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"no UI after 180 s: {log.read_text()[-3000:]}")


@dataclass
class Ui:
    """A page of the UI, and what it asked of other addresses."""

    page: Any
    address: str
    strangers: list[str]

    def open(self, path: str, *texts: str) -> None:
        """Goes there and waits for the texts."""
        self.page.goto(self.address + path)
        self.sees(*texts)

    def sees(self, *texts: str) -> None:
        for text in texts:
            self.page.get_by_text(text).first.wait_for(timeout=60_000)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click(timeout=60_000)

    def waits_for_success(self) -> None:
        """Of the run that it shows."""
        self.page.get_by_text("RUN_SUCCESS", exact=True).first.wait_for(timeout=PATIENCE_S * 1000)

    def keep(self, name: str) -> None:
        """A picture for README.md, where they are asked for."""
        if folder := os.environ.get("ASSAY_PICTURES"):
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def ui(browser: Any, address: str) -> Iterator[Ui]:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    visited = Ui(page, address, [])
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else visited.strangers.append(asked.url))
    yield visited
    assert visited.strangers == []


def test_lineage_columns_and_owners_are_there(ui: Ui) -> None:
    ui.open("/asset-groups", "measures", "corpus", "version")
    ui.keep("ui-lineage")
    ui.open("/assets/verdicts?view=lineage", "verdicts", "measures_grounding", "curated")
    ui.open("/assets/verdicts", "What is done with each example", "Number of the version.", "list<struct>", "data")


@pytest.mark.timeout(PATIENCE_S * 3)
def test_drops_arrive_a_run_is_launched_and_a_backfill_measures_again(ui: Ui, folder: Path) -> None:
    ui.open("/runs?q[]=partition%3Amonday", "drop_job")
    launch(ui, "tuesday", folder / "elsewhere" / "tuesday")
    ui.waits_for_success()
    ui.keep("ui-run")
    ui.open("/assets/measures_difficulty?view=checks", "Execution history", "The measures are what the audit promises")
    follow_data_docs(ui)
    backfill(ui, "measures_difficulty", ["monday", "tuesday"])
    with open_instance(folder / "lake") as instance:
        (run,) = [run for run in instance.get_runs() if run.tags.get(BACKFILL_ID_TAG)]
    assert drops_of(run) == "monday to tuesday", "both in one run"
    ui.open("/", "drop_job")
    ui.keep("ui-timeline")


@pytest.mark.timeout(PATIENCE_S)
def test_a_broken_drop_says_what_is_wrong_and_what_to_do(ui: Ui) -> None:
    until = time.monotonic() + PATIENCE_S
    while not judged(ui, "ingest gate failed for drop 'broken'"):
        assert time.monotonic() < until, "the run of the broken drop does not end"
    ui.sees("rows_kept 0 < 1", "image_missing 12", "Fix: no row was usable")
    ui.keep("ui-broken")


def judged(ui: Ui, message: str) -> bool:
    """Whether the history of the ingest gate has the message."""
    ui.open("/assets/drops?view=checks&checkDetail=ingest_gate")
    ui.page.get_by_text("Execution history").first.click(timeout=60_000)
    ui.page.wait_for_timeout(5000)
    return bool(ui.page.get_by_text(message).count())


def launch(ui: Ui, drop: str, path: Path) -> None:
    """Starts the drop job for a drop that lies elsewhere, from the launchpad."""
    ui.open(f"{JOB}/playground", "Launch Run", "Configure how steps are executed within a run")
    choose(ui, drop)
    ui.page.locator(".CodeMirror").first.click()
    ui.page.keyboard.press("Control+A")
    ui.page.keyboard.insert_text(f"ops: {{ingest: {{config: {{path: {path}}}}}}}")
    ui.sees("No errors", "Where the partition's drop lies.")
    ui.press("Launch Run")
    ui.page.wait_for_url("**/runs/*", timeout=60_000)


def choose(ui: Ui, drop: str) -> None:
    """Takes the drop as the launchpad's partition, as soon as it has heard of it."""
    tag = ui.page.get_by_text(f"partition: {drop}")
    until = time.monotonic() + 60
    while not tag.count():
        assert time.monotonic() < until, f"the launchpad does not take {drop}"
        box = ui.page.get_by_placeholder("Partition")
        box.click()
        box.fill(drop)
        ui.page.wait_for_timeout(1500)
        ui.page.keyboard.press("Enter")
        ui.page.wait_for_timeout(1500)


def follow_data_docs(ui: Ui) -> None:
    with ui.page.context.expect_page() as opened:
        ui.page.locator('a[href*="/gates/"]').first.click(timeout=60_000)
    docs = opened.value
    docs.get_by_text("judged by Great Expectations at").wait_for()
    docs.close()


def backfill(ui: Ui, asset: str, names: list[str]) -> None:
    """Measures them again, from the dialog of the asset."""
    ui.open(f"/assets/{asset}?view=partitions", *names)
    ui.press("Materialize")
    ui.sees("Partition selection")
    ui.page.get_by_text("Select a partition or create one").click()
    for drop in names:
        ui.page.get_by_text(drop, exact=True).locator("visible=true").last.click()
    ui.page.keyboard.press("Escape")
    ui.press("Launch backfill")
    ui.sees("Created backfill")
    ui.open("/runs?view=backfills", "2 partitions")
    ui.page.get_by_text("Success", exact=True).first.wait_for(timeout=PATIENCE_S * 1000)
