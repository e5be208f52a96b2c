"""The hold queue as pages: every held example with its evidence, nothing of the data as markup, and what is taken back
in."""

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

import pytest

from ops.core.schemas import EXAMPLES
from resources.lake.tables import Lake
from resources.review.queue import write_queue
from resources.review.taking import take_decisions
from resources.versions.publishing import publish, version_of
from tests.support.held_lake import HOSTILE, held_settings, lake_of_held
from tests.support.versions import build


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    return lake_of_held(tmp_path_factory.mktemp("held") / "lake")


def order_of(page: str) -> list[str]:
    return re.findall(r'<article hidden data-example="([0-9a-f]+)"', page)


def test_every_held_example_stands_on_a_page_with_its_evidence(held: tuple[Lake, list[str]], tmp_path: Path) -> None:
    lake, ids = held
    queue = write_queue(lake, version_of(lake, 1), tmp_path, page_rows=3)
    assert (queue.examples, queue.decided, [page.name for page in queue.pages]) == (
        len(ids),
        0,
        ["review-1-001.html", "review-1-002.html"],
    )
    pages = [page.read_text("utf-8") for page in queue.pages]
    assert [example for page in pages for example in order_of(page)] == ids
    whole = "".join(pages)
    assert whole.count("The example that it repeats (duplicates); its verdict: hold") == 1
    assert '<rect x="0.2500" y="0.2500" width="0.5000" height="0.5000">' in whole
    assert "difficulty.answer_words 5: above 66.7% and below 0.0% of the version&#39;s 12 rows of it" in whole
    # Its own picture of each, and that of the twin.
    assert len(re.findall(r"data:image/jpeg", whole)) == len(ids) + 1


def test_nothing_of_the_data_is_markup_and_only_its_own_script_runs(
    held: tuple[Lake, list[str]], tmp_path: Path
) -> None:
    lake, _ = held
    page = write_queue(lake, version_of(lake, 1), tmp_path).pages[0].read_text("utf-8")
    assert "<script>alert" not in page
    assert HOSTILE.replace("\u202e", "\\u202e") in unescape(page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; base-uri" in page
    assert "http" not in re.sub(r"<meta http-equiv", "", page)


def test_what_a_person_decided_leaves_the_queue(tmp_path: Path) -> None:
    lake, ids = lake_of_held(tmp_path / "lake")
    contents = {row["example_id"]: row["content_id"] for row in lake.read(EXAMPLES).to_pylist()}
    path = tmp_path / "decisions.csv"
    rows = [f"{ids[0]},{contents[ids[0]]},keep,it is right", f"{ids[1]},{contents[ids[1]]},drop,"]
    path.write_text("example_id,content_id,decision,why\n" + "\n".join(rows), "utf-8")
    assert take_decisions(lake, path, by="Ana") == (2, 2)
    assert take_decisions(lake, path, by="Ana") == (0, 2)
    queue = write_queue(lake, version_of(lake, 1), tmp_path / "out", page_rows=1)
    assert (queue.examples, queue.decided, len(queue.pages)) == (len(ids) - 2, 2, len(ids) - 2)
    publish(lake, build(lake, held_settings(), deliveries=["d-1"]), {})
    following = write_queue(lake, version_of(lake, 2), tmp_path / "out")
    assert (following.examples, following.decided) == (len(ids) - 2, 0)
    assert len(list((tmp_path / "out").iterdir())) == len(ids) - 2 + 1


def test_an_empty_queue_says_so(tmp_path: Path) -> None:
    lake, ids = lake_of_held(tmp_path / "lake", count=2)
    rows = [row for row in lake.read(EXAMPLES).to_pylist() if row["example_id"] in ids]
    path = tmp_path / "decisions.csv"
    lines = [f"{row['example_id']},{row['content_id']},keep" for row in rows]
    path.write_text("\n".join(["example_id,content_id,decision", *lines]), "utf-8")
    take_decisions(lake, path, by="Ana")
    (page,) = write_queue(lake, version_of(lake, 1), tmp_path / "out").pages
    assert "There is nothing to look at." in page.read_text("utf-8")
