"""Questions to a reward: a trick and its control are as long as each other, and each probe differs in one thing."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.core.schemas import EXAMPLES
from ops.rewards.cases import cases_of
from ops.rewards.probes import FALL, NO_RISE, comparisons, matched


def turn(role: str, text: str) -> dict:
    return {"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]}


def examples(*rows: tuple[str, list[tuple[str, str]], list[str]]) -> pa.Table:
    made = [
        {
            "delivery": "d",
            "example_id": f"e{number}",
            "kind": kind,
            "dataset": "s",
            "messages": [turn(*said) for said in texts],
            "image_ids": images,
        }
        for number, (kind, texts, images) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=EXAMPLES.schema)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=200))
def test_a_match_has_the_words_and_characters_of_its_text(text: str) -> None:
    assert list(map(len, matched(text).split(" "))) == list(map(len, text.split(" ")))


def test_each_kind_of_example_gives_a_case() -> None:
    cases = cases_of(
        examples(
            ("prompt", [("user", "How many?"), ("ground_truth", "3")], ["a"]),
            ("preference", [("user", "What is it?"), ("chosen", "A dog."), ("rejected", "A cat.")], []),
            ("sft", [("user", "Is it red?"), ("assistant", "yes"), ("user", "Why?"), ("assistant", "Paint.")], ["b"]),
            ("sft", [("assistant", "Hello.")], []),
            ("prompt", [("user", "No truth")], []),
            ("preference", [("user", "One side?"), ("chosen", "Yes.")], []),
        )
    )
    answers = [(case.question, case.right, case.images) for case in cases]
    assert answers == [("How many?", "3", ("a",)), ("What is it?", "A dog.", ()), ("Why?", "Paint.", ("b",))]
    assert [case.wrong for case in cases[:2]] == ["4", "A cat."]
    assert [role for role, _ in cases[2].prompt] == ["user", "assistant", "user"]


def test_pictures_are_swapped_with_those_of_another_answer_of_the_kind() -> None:
    cases = cases_of(
        examples(
            ("prompt", [("user", "Is it red?"), ("ground_truth", "yes")], ["a"]),
            ("prompt", [("user", "Is it blue?"), ("ground_truth", "Yes.")], ["b"]),
            ("prompt", [("user", "Is it green?"), ("ground_truth", "no")], ["c"]),
            ("prompt", [("user", "How many are there?"), ("ground_truth", "2")], ["d"]),
        )
    )
    assert [case.partner for case in cases] == [2, 2, cases[2].partner, None]
    assert cases[2].partner in (0, 1)
    swapped = [c for c in comparisons(cases) if c.may == FALL]
    assert [(c.variant.images, c.variant.ground_truth) for c in swapped[:2]] == [(("c",), "no"), (("c",), "no")]


def test_a_trick_is_as_long_as_its_control() -> None:
    pairs = [
        ("preference", [("user", f"Is it {n}?"), ("chosen", f"I see that it is {n}."), ("rejected", f"No, {n}")], [])
        for n in range(9)
    ]
    choice = ("prompt", [("user", "Is it red, or blue?\nA. red\nB. blue"), ("ground_truth", "B")], [])
    cases = cases_of(examples(choice, *pairs))
    tricks = [c for c in comparisons(cases, "<a>{answer}</a>") if c.may == NO_RISE and c.probe != "longer"]
    assert {c.family for c in tricks} == {"keyword", "format", "echo", "letter", "style"}
    assert [c.variant.completion for c in tricks if c.family == "letter"] == ["<a>A</a>"]
    styled = [c.variant.completion for c in tricks if c.family == "style"]
    assert styled[-1] == "<a>I see that it No, 8</a>"
    for comparison in tricks:
        assert len(comparison.variant.completion) == len(comparison.control.completion)
        assert len(comparison.variant.completion.split()) == len(comparison.control.completion.split())
