"""Rewards with one flaw each, asked about pictures of easy-VQA: each flaw is named, and nothing else."""

from pathlib import Path

import pytest

from ops.rewards.findings import PASS, REJECT, WARN
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.rewards.auditing import RewardAudit, audit_reward, draw_examples
from resources.rewards.function import RewardError, RewardFunction
from tests.support.namespaces import network_can_be_left
from tests.support.questions_lake import lake_of_questions

PLANTED = Path(__file__).parents[2] / "support" / "planted_rewards.py"
COUNT = 80


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of_questions(tmp_path_factory.mktemp("rewards") / "lake", COUNT)


def audited(lake: Lake, name: str, *, style: str = "trl", timeout_s: float = 30.0) -> RewardAudit:
    drawn = draw_examples(lake, ["d-1"], COUNT, seed=1)
    network = not network_can_be_left()
    with RewardFunction(PLANTED, name, style=style, timeout_s=timeout_s, network=network) as reward:
        return audit_reward(reward, lake, drawn, progress=SilentProgress(), seed=1)


@pytest.mark.parametrize(
    ("name", "style"), [("honest", "trl"), ("sees", "trl"), ("half_deaf", "trl"), ("exact", "verl")]
)
def test_an_honest_reward_passes(lake: Lake, name: str, style: str) -> None:
    audit = audited(lake, name, style=style)
    assert (audit.verdict, audit.named) == (PASS, [])
    assert audit.cases == audit.visual_cases == COUNT
    signal = next(finding for finding in audit.findings if finding.name == "no_signal")
    assert signal.size == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "flaw", "verdict"),
    [
        ("length", "length", REJECT),
        ("keyword", "keyword", REJECT),
        ("blind", "blind", REJECT),
        ("echo", "echo", REJECT),
        ("formatted", "format", REJECT),
        ("by_batch", "batch_dependent", REJECT),
        ("raising", "exception", REJECT),
        ("unsteady", "nondeterministic", WARN),
    ],
)
def test_each_flaw_is_named_and_no_other(lake: Lake, name: str, flaw: str, verdict: str) -> None:
    audit = audited(lake, name)
    assert audit.verdict == verdict
    expected = {flaw} | ({"no_signal"} if name == "blind" else set())
    assert set(audit.named) == expected


def test_a_reward_that_is_always_the_same_says_so_and_may_print(lake: Lake) -> None:
    audit = audited(lake, "constant")
    assert audit.verdict == REJECT
    assert {"constant", "no_signal"} <= set(audit.named)


def test_a_reward_that_is_no_number_is_rejected(lake: Lake) -> None:
    audit = audited(lake, "no_number")
    assert audit.named == ["not_finite"]


@pytest.mark.skipif(not network_can_be_left(), reason="this machine lets no process leave its network")
def test_the_network_is_out_of_reach(lake: Lake) -> None:
    audit = audited(lake, "calling_home")
    failure = next(finding for finding in audit.findings if finding.name == "exception")
    assert failure.share == 1.0
    assert "unreachable" in failure.detail


def test_a_reward_that_does_not_answer_is_ended(lake: Lake) -> None:
    with pytest.raises(RewardError, match="--timeout"):
        audited(lake, "sleeping", timeout_s=1.0)


def test_a_reward_that_ends_its_process_says_so(lake: Lake) -> None:
    with pytest.raises(RewardError, match="exit status 3"):
        audited(lake, "gone")


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(RewardError, match="no attribute 'absent'"):
        RewardFunction(PLANTED, "absent", network=not network_can_be_left())


def test_a_draw_is_the_same_each_time_and_another_by_another_seed(lake: Lake) -> None:
    first, again, other = (draw_examples(lake, ["d-1"], 20, seed=seed)["example_id"].to_pylist() for seed in (1, 1, 2))
    assert first == again
    assert len(set(first)) == 20
    assert set(first) != set(other)
