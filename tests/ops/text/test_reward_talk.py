"""The words of judges in answers."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.reward_rules import RULES, InlineRule
from ops.text.reward_talk import PATTERNS, is_read, reward_residue


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("A red bus. Rating: 4/5", "rating"),
        ("A red bus.\nRating: 4/5", "rating"),
        ("**Score:** 8.5 out of 10", "rating"),
        ("A dog.\nreward: -1.25", "rating"),
        ("helpfulness: 3", "rating"),
        ("Response A is better because it names the colour.", "comparison"),
        ("I think Assistant B's answer is more accurate.", "comparison"),
        ("I prefer response 2.", "comparison"),
        ("Both responses are accurate.", "comparison"),
        ("chosen: a cat on a mat", "field_label"),
        ("Rejected response: a dog", "field_label"),
        ('{"chosen": "a cat", "rejected": "a dog"}', "reward_token"),
        ("My final verdict is [[A]]", "reward_token"),
        ("A dog <|reward_5|>", "reward_token"),
        ("As an impartial judge, I find it good.", "judge_prompt"),
    ],
)
def test_traces_of_a_judge(answer: str, kind: str | None) -> None:
    traces = reward_residue(answer, "What is in the picture?")
    assert (traces and traces.kind) == kind


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        ("Score: 8/10", "How would you rate this photo?"),
        ("Model 1 is better for small flats.", "Which one is better, model 1 or 2?"),
        ("The scoreboard says 3 to 2.", "What does it say?"),
        ("The bus is on route 4/5.", "Which route?"),
        ("He was chosen: the crowd cheered.", "What happened?"),
        ("The answer is 4.", "2 + 2?"),
        ("There is a good view of the bay.", "Describe it."),
        ("The model is wearing a better coat.", "Describe it."),
        ("", ""),
        ("Rating: 4/5", "¿Qué puntuación le das a esta foto?"),
        ("Score: 8/10", "Wie gut findest du dieses Bild von dem Hund?"),
        ("Score: 8/10", "你给这张照片打几分？"),
    ],
)
def test_ordinary_answers(answer: str, query: str) -> None:
    assert reward_residue(answer, query) is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("El coche que está en la calle es rojo. [[A]]", "reward_token"),
        ("chosen: ein Hund, der auf einer Wiese läuft", "field_label"),
        ("一只狗 <|reward_5|>", "reward_token"),
    ],
)
def test_tokens_and_labels_are_the_same_in_every_language(answer: str, kind: str) -> None:
    traces = reward_residue(answer, "Describe it.")
    assert traces is not None
    assert traces.kind == kind
    assert not is_read(answer)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_finds_its_examples_and_leaves_honest_answers(rule: InlineRule) -> None:
    assert rule.examples
    for answer in rule.examples:
        assert rule.pattern.search(answer), answer
        residue = reward_residue(answer, "What is in the picture?")
        assert residue is not None, answer
        assert residue.kind == rule.kind
        assert answer[residue.start :].startswith(residue.text)
    for query, answer in rule.honest:
        assert reward_residue(answer, query) is None, answer


@pytest.mark.parametrize(
    "answer", ["A cat. Score 5", "blue score 5", "A boat. 4/5", "A kite. Grade: A", "Rating 3. Red"]
)
@pytest.mark.parametrize("query", ["What does the sign say?", "How do you rate it?", "Which team is ahead?"])
def test_what_a_picture_may_show_is_no_trace_where_it_is_asked_for(answer: str, query: str) -> None:
    assert reward_residue(answer, "What is there?") is not None
    assert reward_residue(answer, query) is None
    assert reward_residue(f"{answer}.", "What is there?") is not None
    assert reward_residue(f"A scoreboard. {answer}", "What is there?") is None


@given(
    st.lists(st.sampled_from(["A man sits", "on a red bench.", "by the sea\n", "with his dog,"]), max_size=40),
    st.sampled_from([" reward 0.9", ". Score: 4/5", "\nscore 5"]),
)
def test_a_trace_is_found_where_it_stands_behind_any_answer(words: list[str], trace: str) -> None:
    answer = " ".join([*words, "red"]) + trace
    residue = reward_residue(answer, "What is it?")
    assert residue is not None
    assert answer[residue.start :] == residue.text == trace.strip(" .\n")
    assert reward_residue(f"{answer} of all things", "What is it?") is None


def test_hostile_text_takes_no_time() -> None:
    start = time.process_time()
    for text in (
        "response A " * 5000,
        "rating " * 5000,
        "[[" * 10_000,
        "score:" + " " * 20_000,
        "\n" * 20_000,
        ". score 5" * 2000,
    ):
        reward_residue(text)
        reward_residue("", text)
    assert time.process_time() - start < 5
    assert all(pattern.search("") is None for pattern in PATTERNS.values())
