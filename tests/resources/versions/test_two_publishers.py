"""Two processes that publish to one lake at once: every version is whole, and they form one history."""

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS, VERSIONS
from ops.decision.policy import Action, Condition, Policy, Rule
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.versions.candidates import build_candidate
from resources.versions.publishing import PublishError, current_version, publish, versions
from tests.support.versions import deliver

ROUNDS = 4
EXAMPLES = 12


def publisher(root: str, mine: Sequence[int], barrier: Barrier, outcomes: Any) -> None:
    """Publishes one version for each number, each by a policy of its own; again where another came first."""
    lake, settings = Lake(root), load_settings()
    refusals: list[str] = []
    for words in mine:
        rule = Rule(f"over-{words}", "difficulty", (Condition.parse(f"answer_words > {words}"),), Action.DROP, "long")
        chosen = replace(settings, policy=Policy((rule,)))
        barrier.wait(60)
        candidate = built(lake, chosen)
        barrier.wait(60)  # now both stand on the same version, and only one can follow it
        for _ in range(20):
            try:
                publish(lake, candidate, {"success": True})
                break
            except PublishError as error:
                refusals.append(str(error))
                candidate = built(lake, chosen)
    outcomes.put(refusals)


def built(lake: Lake, settings: Any) -> Any:
    given = {"deliveries": ["a-1"], "measures": {"difficulty": "d0"}, "code": "code", "encoder": "encoder"}
    return build_candidate(lake, **given, settings=settings, progress=SilentProgress())


@pytest.mark.full
def test_two_publishers_make_one_history(tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    deliver(lake, "a", "a-1", [" ".join(["word"] * (n + 1)) for n in range(EXAMPLES)])
    context = multiprocessing.get_context("spawn")
    barrier, outcomes = context.Barrier(2), context.Queue()
    numbers = [list(range(first, 2 * ROUNDS + 1, 2)) for first in (1, 2)]
    processes = [context.Process(target=publisher, args=(lake.root, mine, barrier, outcomes)) for mine in numbers]
    for process in processes:
        process.start()
    refused = [outcomes.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    refusals = list(chain(*refused))
    assert len(refusals) >= ROUNDS, "in each round one comes second"
    assert all("run again to build on it" in refusal for refusal in refusals)

    log = sorted(lake.read(VERSIONS).to_pylist(), key=lambda row: row["sequence"])
    published = [row for row in log if row["state"] == "published"]
    assert len(published) == 2 * ROUNDS
    assert len({row["version"] for row in published}) == 2 * ROUNDS
    assert [row["parent"] for row in published] == [None, *(row["version"] for row in published[:-1])]
    assert current_version(lake) == published[-1]["version"]
    assert {version.state for version in versions(lake)} <= {"published", "candidate"}
    for row in published:
        of_version = {"version": row["version"]}
        verdicts = lake.read(VERDICTS, where=of_version)
        kept = verdicts.to_pandas().query("action == 'keep'")["example_id"].tolist()
        assert verdicts.num_rows == EXAMPLES
        assert len(kept) == row_words(row)
        assert sorted(lake.read(CURATED, where=of_version)["example_id"].to_pylist()) == sorted(kept)
        assert lake.read(CURRICULUM, where=of_version).num_rows == len(kept)


def row_words(row: dict[str, Any]) -> int:
    """How many examples the version's policy keeps: there is one of each number of words."""
    (rule,) = json.loads(row["config"])["policy"]["rules"]
    return int(rule["name"].removeprefix("over-"))
