"""Words of a habit are those that chosen answers share and rejected ones do not."""

from ops.rewards.chosen_style import chosen_frame


def test_a_habit_is_found_at_either_end() -> None:
    pairs = [(f"Looking at it, it is {n}. I hope that helps.", f"It is {n + 1}, I hope.") for n in range(20)]
    assert chosen_frame(pairs) == "Looking at it, it {answer} I hope that helps."


def test_words_of_both_sides_are_none() -> None:
    pairs = [(f"Looking at it, it is {n}.", f"Looking at it, it is {n + 1}.") for n in range(20)]
    assert chosen_frame(pairs) is None


def test_few_answers_have_no_habit() -> None:
    pairs = [(f"Looking at it, it is {n}.", f"{n + 1}") for n in range(4)]
    assert chosen_frame(pairs) is None
    assert chosen_frame([]) is None
