"""A statement that an image can make true or false, and an example of how one is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """A text to score against an image. `uninformative` says why no image could speak for or against it, and is empty
    when one could; `negated` marks a denial, which most encoders carry badly."""

    text: str
    uninformative: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A question, an answer to it, and the text of the statement that a rule makes of them. The examples of the rules
    are what the rules are tested by."""

    question: str
    answer: str
    text: str
    negated: bool = False
