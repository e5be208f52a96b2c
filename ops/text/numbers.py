"""Number words of English."""

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
NUMBER_WORDS = (*_UNITS.split(), "seventeen", "eighteen", "nineteen")
"""Each at the place of its value."""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * n for n, word in enumerate(_TENS.split(), start=2)}


def figures(most: int) -> dict[str, str]:
    """The words up to that number (19 at most), with the figures that say the same."""
    return {word: str(n) for n, word in enumerate(NUMBER_WORDS[: most + 1])}
