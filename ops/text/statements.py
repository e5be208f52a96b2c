"""Questions and short answers turned into statements that an image can make true or false.

An image encoder knows "the circle is red", not "what color is the circle?" beside "red". Rules rewrite the common
closed questions; anything else falls back to the answer alone (when it is a sentence, or the query is no question) or
to the question with its answer. They are pure pattern rules for English: no model, the same output for the same input,
and never an error. Where what is asked, or what comes of it, is in another language (ops.text.language), the statement
is uninformative. In order:

1. An answer that refuses, thanks or says nothing (`EMPTY_TALK`) is uninformative, and so is a bare "yes" to something
   that is no question and an option letter whose options are not listed; a letter whose option is listed stands for it.
2. An answer that is a sentence stands alone ("Yes, the man wears a hat" without its "yes").
3. Yes and no affirm or deny the question (ops.text.polar_rules).
4. Questions of colour, kind, number, place, action and person take the answer in (ops.text.closed_rules).
5. A question that fits no rule keeps its words: "why?" + "wind" -> "Why? Wind."

Every rule of the tables carries examples, which are its tests.
"""

import re
from dataclasses import dataclass, replace

from ops.text.asked import Asked, clean, read_question
from ops.text.closed_rules import state_closed
from ops.text.language import NOT_ENGLISH, is_english
from ops.text.phrases import AUXILIARIES, denies, has_words, is_sentence, sentence
from ops.text.polar_rules import affirm_or_deny
from ops.text.statement import Statement

_LETTER = re.compile(r"\(?([A-H])[.):]?$")
_POLARITY = re.compile(r"(yes|yeah|yep|true|correct|no|nope|false)\b[\s,.;:!-]*(.*)$", re.IGNORECASE | re.DOTALL)
_AFFIRMATIVE = {"yes", "yeah", "yep", "true", "correct"}


@dataclass(frozen=True, slots=True)
class EmptyTalk:
    """A kind of answer that says nothing about the image: a pattern of the whole of it, and answers that fit."""

    name: str
    pattern: re.Pattern[str]
    examples: tuple[str, ...]


def _saying(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})[\s.!,]*$", re.IGNORECASE | re.DOTALL)


EMPTY_TALK = (
    EmptyTalk(
        "courtesy",
        _saying(r"ok(ay)?|sure|certainly|of course|thanks?( you)?|you'?re welcome|hello|hi|great|done"),
        ("You're welcome!", "Thank you.", "Okay", "of course"),
    ),
    EmptyTalk("blank", _saying("n/?a|none|null|unknown"), ("N/A", "none.", "unknown")),
    EmptyTalk(
        "doubt",
        _saying("(it('s| is) )?(not sure|unclear|unanswerable|impossible to (say|tell))"),
        ("unanswerable", "It's unclear.", "impossible to tell"),
    ),
    EmptyTalk(
        "refusal",
        _saying(r"(i('m| am) )?(sorry|unable|not able|not sure)\b.*"),
        ("Sorry, no image was given.", "I'm unable to view pictures."),
    ),
    EmptyTalk(
        "ignorance",
        _saying(r"i (do not|don't|can not|cannot|can't) (know|tell|say|see|answer|determine|help)\b.*"),
        ("I don't know.", "I cannot see the whole of the sign."),
    ),
)


def make_statement(question: str, answer: str) -> Statement:
    """The statement that `answer` makes when given to `question`; either may be empty."""
    asked = read_question(question)
    made = _stated(asked, answer)
    if made.uninformative or (is_english(asked.text) and is_english(made.text)):
        return made
    return replace(made, uninformative=NOT_ENGLISH)


def rewrite(question: str, answer: str) -> Statement:
    """The same where the question is known to be English: other answers to it need not be looked at again."""
    return _stated(read_question(question), answer)


def _stated(asked: Asked, answer: str) -> Statement:
    reply = clean(answer)
    if letter := _LETTER.match(reply):
        reply = asked.options.get(letter[1], "").strip()
        if not reply:
            return Statement(clean(answer), "an option letter whose options are not listed")
    if not has_words(reply):
        return Statement(reply, "no words")
    if any(kind.pattern.match(reply) for kind in EMPTY_TALK):
        return Statement(sentence(reply), "an answer that says nothing about the image")
    if polarity := _POLARITY.match(reply):
        return _polar(asked, reply, polarity)
    if is_sentence(reply) or not asked.is_question:
        return Statement(sentence(reply), negated=denies(reply))
    return state_closed(asked.text[:-1].strip(), reply.rstrip(" .!,;"))


def _polar(asked: Asked, reply: str, polarity: re.Match[str]) -> Statement:
    is_yes = polarity[1].lower() in _AFFIRMATIVE
    rest = polarity[2].strip()
    if len(rest.split()) >= 3:
        return Statement(sentence(rest), negated=denies(rest))
    question = asked.text.rstrip("?")
    words = question.lower().split()
    if not asked.is_question or len(words) < 2 or words[0] not in AUXILIARIES:
        if has_words(rest):
            return Statement(sentence(reply), negated=not is_yes)
        return Statement(sentence(f"{asked.text} {reply}"), "yes or no to something that is no yes/no question")
    return affirm_or_deny(question, is_yes=is_yes)
