"""Number words against the answers that are read from them."""

from ops.text.closed_answers import closed_answer
from ops.text.numbers import NUMBER_WORDS, TENS, figures


def test_each_word_stands_at_its_value():
    assert [closed_answer(word) for word in NUMBER_WORDS] == [closed_answer(str(n)) for n in range(20)]
    assert [closed_answer(word) for word in TENS] == [closed_answer(str(n)) for n in range(20, 100, 10)]


def test_figures_end_where_asked():
    assert figures(2) == {"zero": "0", "one": "1", "two": "2"}
    assert list(figures(19)) == list(NUMBER_WORDS)
