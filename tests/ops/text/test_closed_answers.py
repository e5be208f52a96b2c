"""What a short answer says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.closed_answers import closed_answer


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ("Yes", "yes_no", "yes"),
        ("yeah!", "yes_no", "yes"),
        ("Yes, it is.", "yes_no", "yes"),
        ("Yes, there is one.", "yes_no", "yes"),
        ("No.", "yes_no", "no"),
        ("No, there isn't.", "yes_no", "no"),
        ("No, it does not.", "yes_no", "no"),
        ("two", "number", "2"),
        ("2.0", "number", "2"),
        ("There are two.", "number", "2"),
        ("2 dogs", "number", "2"),
        ("Twenty-one", "number", "21"),
        ("1,200", "number", "1200"),
        ("none", "number", "0"),
        ("Gray", "colour", "grey"),
        ("It's grey.", "colour", "grey"),
        ("The colour is dark red", "colour", "red"),
        ("A dog", "word", "dog"),
        ("brown dog.", "word", "brown dog"),
        ("<image>\nCircle", "word", "circle"),
    ],
)
def test_closed(said: str, kind: str, value: str) -> None:
    answer = closed_answer(said)
    assert answer is not None
    assert (answer.kind, answer.value) == (kind, value)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "...",
        "Yes, the man on the left wears a hat.",
        "A dog runs on the beach",
        "red, green and blue",
        "I'm not sure",
        "unknown",
        "n/a",
        "No idea what that could be, it is blurred",
        "x" * 300,
    ],
)
def test_not_closed(said: str) -> None:
    assert closed_answer(said) is None


@given(st.text(max_size=40))
def test_case_space_and_full_stop_do_not_matter(text: str) -> None:
    assert (
        closed_answer(f"  {text.upper()}  ") == closed_answer(text.upper().lower()) == closed_answer(f"{text.upper()}.")
    )
