"""Questions with options: the answer is a letter, and the options go round."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ops.demo.pictures import COLOURS, SHAPES

LETTERS = "abcd"
_KINDS: tuple[tuple[str, ...], ...] = (("yes", "no"), SHAPES, (*COLOURS, "white"), ("0", "3", "4", "7", "60"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A question, its options in their order, and the right one."""

    question: str
    listed: Sequence[str]
    right: str

    @property
    def options(self) -> int:
        """How many there are."""
        return len(self.listed)

    def rotated(self, by: int) -> list[str]:
        """The options, the first `by` of them moved to the end."""
        return [*self.listed[by:], *self.listed[:by]]

    def text(self, by: int) -> str:
        """The question as it is asked, with its options turned by so many."""
        options = [f"{letter} : {option}" for letter, option in zip(LETTERS, self.rotated(by), strict=False)]
        return f"{self.question} options: {' ; '.join(options)}"

    def letter(self, by: int) -> str:
        """The letter of the right option, turned as `text` is."""
        return LETTERS[self.rotated(by).index(self.right)]


def choice_of(question: str, answer: str, rng: Random) -> Choice:
    """Up to four options of the answer's kind, drawn, in a drawn order."""
    kind = next(kind for kind in _KINDS if answer in kind)
    others = [option for option in kind if option != answer]
    listed = [answer, *rng.sample(others, min(len(LETTERS) - 1, len(others)))]
    return Choice(question, rng.sample(listed, len(listed)), answer)
