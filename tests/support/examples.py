"""How many examples hypothesis draws where its hundred are too few or too many."""

from hypothesis import settings

#: What hypothesis draws by itself.
USUAL = 100


def examples(number: int) -> int:
    """The number of examples in `make test-all`, and the same share of it as of the usual hundred in shorter runs."""
    return max(number * settings().max_examples // USUAL, 1)
