"""The words of judges in answers."""

import time

import pytest

from ops.text.reward_talk import PATTERNS, is_read, reward_residue


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("A red bus. Rating: 4/5", None),
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


def test_hostile_text_takes_no_time() -> None:
    start = time.process_time()
    for text in ("response A " * 5000, "rating " * 5000, "[[" * 10_000, "score:" + " " * 20_000, "\n" * 20_000):
        reward_residue(text)
        reward_residue("", text)
    assert time.process_time() - start < 5
    assert all(pattern.search("") is None for pattern in PATTERNS.values())
