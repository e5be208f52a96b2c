"""Samples, labels and calibrations over a real lake: blind pages, labels taken or refused, figures stored and shown."""

import json
import re
from pathlib import Path

import pytest

from ops.core.errors import MissingError, UnusableError
from ops.core.version_schemas import CALIBRATIONS, LABELS, SAMPLES
from resources.lake.tables import Lake
from resources.report.report import make_report
from resources.review.calibrating import calibrate, take_labels
from resources.review.sampling import write_sample
from resources.versions.publishing import version_of
from tests.support.held_lake import lake_of_held
from tests.support.labelled import labels

MEASURE = "difficulty.answer_words"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of_held(tmp_path_factory.mktemp("labelled") / "lake", count=40)[0]


def test_a_sample_is_drawn_over_verdicts_and_its_pages_tell_none(lake: Lake, tmp_path: Path) -> None:
    done = write_sample(lake, version_of(lake, 1), tmp_path, rows=12, seed=1, measure=MEASURE, page_rows=8)
    rows = lake.read(SAMPLES, where={"sample": done.sample}).to_pylist()
    assert (done.examples, len(done.pages), len(rows)) == (12, 2, 12)
    assert {row["action"] for row in rows} == {"keep", "hold"}
    assert sum(row["weight"] for row in rows) == pytest.approx(40)
    pages = [page.read_text("utf-8") for page in done.pages]
    examples = [example for page in pages for example in re.findall(r'data-example="([0-9a-f]+)"', page)]
    assert examples == sorted(row["example_id"] for row in rows)
    for page in pages:
        content = page.partition("<main>")[2].partition("</main>")[0]
        for word in ("hold", "difficulty", "duplicates", "Why", "measures"):
            assert word not in content
    tasks = json.loads(done.label_studio.read_text("utf-8"))
    assert [task["data"]["example_id"] for task in tasks] == examples
    assert {task["data"]["images"][0][:22] for task in tasks} == {"data:image/jpeg;base64"}
    named = set(re.findall(r'(?:value|valueList)="\$(\w+)"', (tmp_path / "label-studio.xml").read_text("utf-8")))
    assert named == {"images", "text"} <= set(tasks[0]["data"])
    again = write_sample(lake, version_of(lake, 1), tmp_path, rows=12, seed=1, measure=MEASURE)
    assert again.sample == done.sample
    assert lake.read(SAMPLES, where={"sample": done.sample}).num_rows == 12


def test_labels_tell_how_right_the_rules_are_and_the_report_shows_it(lake: Lake, tmp_path: Path) -> None:
    done = write_sample(lake, version_of(lake, 1), tmp_path, rows=40, seed=2, measure=MEASURE)
    held = {row["example_id"] for row in lake.read(SAMPLES).to_pylist() if "long" in row["rules"]}
    wrong = set(sorted(held)[:1])
    files = [labels(lake, tmp_path / f"{by}.csv", done.sample, by=by, faulty=held - wrong) for by in ("Ana", "Bo")]
    assert take_labels(lake, files) == done.sample
    take_labels(lake, files)
    assert lake.read(LABELS).num_rows == 80
    result = calibrate(lake, done.sample, target=0.9)
    figures = {(row["subject"], row["name"], row["figure"]): row for row in result.rows}
    assert (result.sampled, result.labelled, result.version) == (40, 40, 1)
    precision = figures["rule", "long", "precision"]
    assert precision["value"] == pytest.approx(1 - 1 / len(held))
    assert precision["low"] < precision["value"] < precision["high"]
    assert figures["rule", "long", "recall"]["value"] == 1.0
    assert figures["reviewers", "Ana, Bo", "kappa"]["value"] == 1.0
    assert figures["faults", "labels alone", "rate"]["value"] == pytest.approx((len(held) - 1) / 40)
    assert figures["suggested", f"{MEASURE} >= 5", "precision"]["value"] >= 0.9
    assert "probability" not in {row["subject"] for row in result.rows}  # the measure is none
    assert lake.read(CALIBRATIONS).num_rows == len(result.rows)
    page = Path(make_report(lake, 1)).read_text("utf-8")
    section = page[page.index('id="labels"') :].partition("</section>")[0]
    assert f"{precision['value']:.3f}" in section
    assert "Ana, Bo" in section


def test_what_cannot_be_taken_is_said_and_nothing_is(lake: Lake, tmp_path: Path) -> None:
    done = write_sample(lake, version_of(lake, 1), tmp_path, rows=5, seed=3, measure=MEASURE)
    before = lake.read(LABELS).num_rows
    good = labels(lake, tmp_path / "good.csv", done.sample, by="Ana", faulty=set())
    nameless = labels(lake, tmp_path / "nameless.csv", done.sample, by="", faulty=set())
    strange = tmp_path / "strange.csv"
    strange.write_text(f"sample,example_id,content_id,label,by\n{done.sample},0000,c,sound,Ana\n", "utf-8")
    other = tmp_path / "other.csv"
    other.write_text("sample,example_id,content_id,label,by\nffff,0000,c,sound,Ana\n", "utf-8")
    for files, problem in (
        ([good, nameless], "nameless.csv: row 2: names no reviewer"),
        ([strange], "strange.csv: row 2: the sample has no example '0000'"),
        ([other], "this lake has no sample 'ffff'"),
        ([good, other], "labels of one sample are wanted"),
    ):
        with pytest.raises(UnusableError, match=problem):
            take_labels(lake, files)
    assert lake.read(LABELS).num_rows == before
    with pytest.raises(UnusableError, match="no example has a label"):
        calibrate(lake, done.sample, target=0.9)
    with pytest.raises(MissingError, match="name another with --measure"):
        write_sample(lake, version_of(lake, 1), tmp_path, rows=5, seed=0)
