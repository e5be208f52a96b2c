"""The sound rows of the demo's drop, before any fault is planted."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from ops.demo.pictures import COLOURS, SHAPES, Picture

ANNOTATORS = ("ada", "ben", "chi", "dev")
# One question in this many is judged by three annotators; the others by one.
_JUDGED_THRICE_ONE_IN = 5


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """A row on its way into a file: what it says, which picture it shows, and what was planted in it."""

    turns: tuple[tuple[str, str], ...]
    picture: Picture | None = None
    rejected: str | None = None
    annotator: str | None = None
    placeholders: int = 1
    image_fault: str | None = None
    """How the image file of this row alone is broken: truncated or missing."""
    fault: str | None = None
    detail: str = ""
    partners: list["Row"] = field(default_factory=list)
    source_id: str = ""

    def llava(self, image: str | None) -> dict[str, Any]:
        """The row in LLaVA's layout: the placeholder opens the first turn."""
        messages = [turn for pair in self.turns for turn in zip(("human", "gpt"), pair, strict=True)]
        conversation = [{"from": who, "value": text} for who, text in messages]
        if image is None:
            return {"id": self.source_id, "conversations": conversation}
        conversation[0]["value"] = "<image>\n" * self.placeholders + conversation[0]["value"]
        return {"id": self.source_id, "image": image, "conversations": conversation}

    def preference(self, image: str) -> dict[str, Any]:
        """The row as a judgement: the single turn's answer was preferred to `rejected`."""
        question, chosen = self.turns[0]
        return {
            "id": self.source_id,
            "prompt": f"<image>\n{question}",
            "chosen": chosen,
            "rejected": self.rejected,
            "images": [image],
            "annotator": self.annotator,
        }


def other_answers(right: str) -> tuple[str, ...]:
    """The answers of the same kind (yes or no, shape, colour) that are not this one."""
    kind = next(kind for kind in (("yes", "no"), SHAPES, COLOURS) if right in kind)
    return tuple(other for other in kind if other != right)


def one_conversation_each(pictures: list[Picture]) -> list[Row]:
    """One conversation a picture, with all the questions about it."""
    return [Row(turns=picture.turns, picture=picture) for picture in pictures]


def judgements(pictures: list[Picture], rng: Random) -> list[list[Row]]:
    """Two questions a picture, each a list of its judgements: the right answer is preferred to a wrong one."""
    queries: list[list[Row]] = []
    for picture in pictures:
        for question, right in rng.sample(picture.turns, 2):
            wrong = rng.choice(other_answers(right))
            judges = rng.sample(ANNOTATORS, 3 if rng.randrange(_JUDGED_THRICE_ONE_IN) == 0 else 1)
            queries.append(
                [Row(turns=((question, right),), picture=picture, rejected=wrong, annotator=who) for who in judges]
            )
    return queries


def text_only(count: int, rng: Random) -> list[Row]:
    """Sums, lengths of words and clock questions, made up by this function: the drop's examples without an image."""
    answers: dict[str, str] = {}
    while len(answers) < 2 * count:
        a, b = rng.randrange(11, 99), rng.randrange(11, 99)
        word = "".join(rng.choice(("ba", "ko", "lim", "ru", "sten", "va")) for _ in range(rng.randrange(2, 5)))
        question, right = rng.choice(
            (
                (f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}."),
                (f"What is {a} times {b}?", f"{a} times {b} is {a * b}."),
                (f"Which is larger, {a} or {a + b}?", f"{a + b} is larger than {a}."),
                (f"How many letters has the made-up word {word}?", f"It has {len(word)} letters."),
                (f"How many minutes are {a} hours?", f"{a} hours are {60 * a} minutes."),
            )
        )
        answers[question] = right
    pairs = list(answers.items())
    return [Row(turns=tuple(pairs[2 * n : 2 * n + 1 + rng.randrange(2)])) for n in range(count)]
