"""The row audits of RL prompts, on prompts whose figures are known."""

from typing import Any

import pytest

from ops.audits.pass_rate import PassRateSettings
from ops.audits.registry import all_audits
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from tests.support.prompt_examples import by_source, examples_of, prompt
from tests.support.samples import sample_inputs


def measured(name: str, rows: list[dict[str, Any]], settings: Any = None) -> dict[str, dict[str, Any]]:
    """The audit's rows by source id."""
    examples = examples_of(rows)
    audit = all_audits()[name]
    nothing = Vectors.of([], sample_inputs(examples_of([])).images.matrix[:0])
    measures = audit.measure(RowInputs(examples, nothing, nothing, nothing, nothing), settings or audit.settings)
    return by_source(measures.to_pylist(), rows)


def test_truths_are_held_to_the_rule_of_their_source():
    rows = [prompt("How many?", str(n), source_id=str(n)) for n in range(20)]
    rows += [prompt("How many?", "a few", source_id="words"), prompt("Draw.", None, source_id="none")]
    measures = measured("ground_truth", rows)
    assert {key for key, row in measures.items() if row["is_readable"]} == {str(n) for n in range(20)}
    assert (measures["words"]["rule"], measures["words"]["reason"]) == ("number", "no number in figures")
    assert (measures["none"]["abstained"], measures["none"]["reason"]) == (True, "no ground truth")


def rewarded(*rewards: float) -> list[tuple[str | None, float | None]]:
    return [(None, reward) for reward in rewards]


def test_pass_rates_are_of_what_lies_above_the_mark():
    rows = [
        prompt("a?", "1", source_id="half", rollouts=rewarded(1, 0, 1, 0)),
        prompt("b?", "1", source_id="always", rollouts=rewarded(1, 1, 1, 1)),
        prompt("c?", "1", source_id="never", rollouts=rewarded(0, 0)),
        prompt("d?", "1", source_id="without"),
        prompt("e?", "1", source_id="bonus", data_source="other", rollouts=rewarded(1.1, 0.1, 0.1, 0.0)),
        prompt(
            "f?", "4", source_id="unscored", data_source="third", rollouts=[("4", None), ("5", None), ("?" * 99, None)]
        ),
    ]
    measures = measured("pass_rate", rows)
    assert {key: row["pass_rate"] for key, row in measures.items()} == {
        "half": 0.5, "always": 1, "never": 0, "without": None, "bonus": 0.25, "unscored": 0.5,
    }  # fmt: skip
    assert {key: row["outcome"] for key, row in measures.items()}["always"] == "always"
    assert measures["half"]["signal"] == 1
    assert (measures["half"]["pass_low"], measures["half"]["pass_high"]) == pytest.approx((0.150, 0.850), abs=1e-3)
    assert measures["without"]["abstained"]
    assert (measures["unscored"]["judged_by"], measures["unscored"]["judged"], measures["unscored"]["rollouts"]) == (
        "truth", 2, 3,
    )  # fmt: skip
    strict = measured("pass_rate", rows, PassRateSettings(pass_mark=1.0))
    assert strict["bonus"]["pass_rate"] == 0.25
    assert strict["half"]["pass_rate"] == 0


def answers(*pairs: tuple[int, float]) -> list[tuple[str | None, float | None]]:
    return [(f"<think>Hm.</think><answer>{answer}</answer>", reward) for answer, reward in pairs]


def test_rewards_are_held_against_the_truth():
    rows = [
        prompt("a?", "4", source_id="follows", rollouts=answers((4, 1), (5, 0), (4, 1), (6, 0))),
        prompt("b?", "4", source_id="swapped", rollouts=answers((4, 0), (5, 1), (4, 0), (6, 1))),
        prompt("c?", "4", source_id="lenient", rollouts=answers((5, 1), (5, 1), (7, 1), (6, 1))),
        prompt("d?", "4", source_id="one off", rollouts=answers((4, 1), (5, 1), (4, 1), (6, 0))),
        prompt("e?", "4", source_id="few", rollouts=answers((4, 1), (5, 0))),
        prompt("f?", "4", source_id="vague", rollouts=[("I would not know what to say to this, sir.", 1.0)] * 6),
    ]
    measures = measured("reward_agreement", rows)
    assert {key for key, row in measures.items() if row["is_against"]} == {"swapped", "lenient"}
    assert {key for key, row in measures.items() if row["abstained"]} == {"few", "vague"}
    assert [measures[key]["leading_share"] for key in ("follows", "swapped", "lenient", "one off")] == [
        1,
        0,
        None,
        0.75,
    ]
    assert (measures["one off"]["rewarded_wrong"], measures["one off"]["agreement"]) == (1, 0.75)


def test_answers_that_a_prompt_gives_away():
    listed = "Which?\nA. cat\nB. dog"
    rows = [
        prompt("How many? (answer: 3)", "3", source_id="number"),
        prompt("How many of the 3 are red?", "3", source_id="chance"),
        prompt("How many? Answer: 30", "3", source_id="longer"),
        prompt("How many? The answer is 3.5", "3", source_id="decimal"),
        prompt(f"{listed}\nThe correct option is B.", "B", source_id="letter"),
        prompt(listed, "B", source_id="listed"),
        prompt("Is it red? Ground truth: yes", "yes", source_id="polar"),
        prompt("A brown dog runs here. What animal runs?", "brown dog", source_id="words"),
        prompt("What animal runs?", "brown dog", source_id="caption", caption="a brown dog on grass"),
        prompt("What animal runs?", "brown dog", source_id="brown_dog_17"),
        prompt(r"Solve it. \boxed{x+1}", "x+1", source_id="boxed"),
        prompt("Which is it?", None, source_id="none"),
    ]
    measures = measured("truth_leaks", rows)
    leaked = {key: (row["how"], row["source"]) for key, row in measures.items() if row["is_leaked"]}
    assert leaked == {
        "number": ("announced", "question"),
        "letter": ("announced", "question"),
        "polar": ("announced", "question"),
        "words": ("stands", "question"),
        "caption": ("stands", "metadata"),
        "brown_dog_17": ("stands", "id"),
        "boxed": ("announced", "question"),
    }
    assert measures["none"]["abstained"]
