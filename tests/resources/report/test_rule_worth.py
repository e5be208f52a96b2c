"""What rules of a stored version are worth: by its verdicts, canaries and labels; on the page and the command line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from ops.core.measure_schemas import CANARY_RULES
from ops.core.version_schemas import LABELS, VERDICTS
from ops.decision.rule_worth import Caught
from pipelines import policy_commands  # noqa: F401  adds its commands to `app`
from pipelines.app import app
from resources.lake.tables import Lake
from resources.report.report import make_report
from resources.report.rule_worth import rules_worth
from tests.support.held_lake import lake_of_held


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake, held = lake_of_held(tmp_path_factory.mktemp("worth") / "lake", count=40)
    for hour, caught in ((0, 1), (1, 6)):
        row = {"delivery": "d-1", "identity": f"{hour}", "fault": "wrong_image", "rule": "long", "audit": "difficulty"}
        row |= {"at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour), "planted": 9, "caught": caught}
        row |= {"alone": caught - 1, "own": 40, "flagged": 2, "flagged_alone": 1, "scores": []}
        lake.write(CANARY_RULES, pa.Table.from_pylist([row], schema=CANARY_RULES.schema), partition={}, once=f"{hour}")
    labelled = [(held[0], "faulty"), (held[1], "faulty"), (held[2], "sound")]
    now = datetime.now(UTC)
    rows = [{"at": now, "sample": "s", "example_id": i, "by": "Ana", "label": label} for i, label in labelled]
    lake.log(LABELS, lambda _: rows)
    return lake


def test_worth_is_told_by_verdicts_canaries_and_labels(lake: Lake) -> None:
    rules = {worth.rule: worth for worth in rules_worth(lake, 1)}
    carried = {row["example_id"]: {r["rule"] for r in row["reasons"] or ()} for row in lake.read(VERDICTS).to_pylist()}
    alone = sum(rules == {"long"} for rules in carried.values())
    long = rules["long"]
    assert (long.examples, long.removed_alone) == (14, alone)
    assert long.members_without == 40 - 1
    assert long.canaries == Caught(9, 6, 5)
    assert (long.labels.known, long.sound.known, long.verdict) == (2, 1, "earns")
    assert rules["copy"].canaries == Caught()
    assert long.labels.caught + rules["copy"].labels.caught == 2


def test_the_page_and_the_command_show_it(lake: Lake) -> None:
    page = Path(make_report(lake, 1)).read_text("utf-8")
    section = page[page.index('id="worth"') :].partition("</section>")[0]
    assert "6 of 9" in section
    assert "Removes much" not in section
    words = ["policy", "worth", "--lake", str(lake.root)]
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert [rule["rule"] for rule in answer["rules"]] == ["long", "copy"]
    assert answer["rules"][0]["canaries"] == {"known": 9, "caught": 6, "alone": 5}
    printed = CliRunner().invoke(app, words)
    assert printed.exit_code == 0
    assert "6/9" in printed.output
