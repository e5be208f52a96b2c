"""The review pages in a real Chromium, from a file, without a network: keys type, a reload keeps, a key exports."""

import csv
from pathlib import Path
from typing import Any

import pytest

from resources.lake.tables import Lake
from resources.review.calibrating import calibrate, take_labels
from resources.review.queue import write_queue
from resources.review.sampling import write_sample
from resources.review.taking import take_decisions
from resources.versions.person_decisions import standing_decisions
from resources.versions.publishing import version_of
from tests.support.held_lake import lake_of_held

pytestmark = [pytest.mark.full, pytest.mark.browser]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    return lake_of_held(tmp_path_factory.mktemp("held") / "lake")


@pytest.fixture
def context(browser: Any) -> Any:
    """A browser's context that is offline."""
    return browser.new_context(accept_downloads=True, offline=True)


def page_at(context: Any, path: Path) -> tuple[Any, list[str]]:
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda request: None if request.url[:4] in ("file", "data", "blob") else problems.append(request.url)
    )
    page.goto(path.as_uri())
    return page, problems


def exported(page: Any, path: Path) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.keyboard.press("e")
    download.value.save_as(path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def status(page: Any) -> str:
    return page.locator("#status").inner_text()


def test_keys_decide_a_reload_keeps_and_the_export_is_taken(
    held: tuple[Lake, list[str]], context: Any, tmp_path: Path
) -> None:
    lake, ids = held
    page, problems = page_at(context, write_queue(lake, version_of(lake, 1), tmp_path).pages[0])
    assert status(page) == "1 of 5 · 0 answered · saved in this browser"
    page.keyboard.press("k")
    page.keyboard.press("w")
    page.keyboard.type('=the "sign", d is there')
    page.keyboard.press("Enter")
    page.keyboard.press("d")
    page.keyboard.press("n")
    page.keyboard.press("k")
    page.keyboard.press("b")
    page.keyboard.press("x")
    page.reload()
    assert status(page) == "4 of 5 · 2 answered · saved in this browser"
    page.keyboard.press("o")
    assert status(page).startswith("5 of 5")
    page.keyboard.press("o")
    assert status(page).startswith("3 of 5")
    rows = exported(page, tmp_path / "decisions.csv")
    assert [(row["example_id"], row["decision"]) for row in rows] == [(ids[0], "keep"), (ids[1], "drop")]
    assert take_decisions(lake, tmp_path / "decisions.csv", by="Ana") == (2, 2)
    assert standing_decisions(lake)[ids[1]].why == '=the "sign", d is there'
    assert problems == []


def test_pages_of_one_queue_share_what_was_typed(held: tuple[Lake, list[str]], context: Any, tmp_path: Path) -> None:
    lake, _ = held
    queue = write_queue(lake, version_of(lake, 1), tmp_path / "a")
    page, _ = page_at(context, queue.pages[0])
    page.keyboard.press("d")
    other, problems = page_at(context, write_queue(lake, version_of(lake, 1), tmp_path / "b").pages[0])
    assert "1 answered" in status(other)
    other.keyboard.press("n")
    other.keyboard.press("k")
    page.wait_for_function("document.getElementById('status').textContent.includes('2 answered')")
    assert problems == []


def test_reviewers_label_blind_and_under_their_name(held: tuple[Lake, list[str]], context: Any, tmp_path: Path) -> None:
    lake, _ = held
    done = write_sample(lake, version_of(lake, 1), tmp_path, rows=4, seed=0, measure="difficulty.answer_words")
    page, problems = page_at(context, done.pages[0])
    for key in "sfsu":
        page.keyboard.press(key)
    page.keyboard.press("e")
    assert status(page).startswith("Write your name first")
    page.keyboard.type("Ana")
    page.keyboard.press("Enter")
    rows = exported(page, tmp_path / "labels.csv")
    assert [(row["label"], row["by"], row["sample"]) for row in rows] == [
        (label, "Ana", done.sample) for label in ("sound", "faulty", "sound", "unsure")
    ]
    assert take_labels(lake, [tmp_path / "labels.csv"]) == done.sample
    assert calibrate(lake, done.sample, target=0.9).labelled == 3
    assert problems == []
