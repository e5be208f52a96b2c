"""Questions and short answers turned into statements that an image can make true or false.

An image encoder knows "the circle is red", not "what color is the circle?" beside "red". The rules below rewrite the
common closed questions; anything else falls back to the answer alone (when it is a sentence, or the query is no
question) or to the question with its answer. They are pure pattern rules for English: no model, the same output for
the same input, and never an error. Where what is asked, or what comes of it, is in another language
(ops.text.language), the statement is uninformative. In order:

1. An answer that refuses, thanks or says nothing is uninformative, and so is a bare "yes" to something that is no
   question and an option letter whose options are not listed; a letter whose option is listed stands for it.
2. An answer that is a sentence stands alone ("Yes, the man wears a hat" without its "yes").
3. Yes and no affirm or deny the question: "is no circle present?" + "no" -> "A circle is present."
4. Questions of colour, kind, number, place, action and person: "what color is the circle?" + "red" -> "The circle is
   red."; "how many dogs are there?" + "2" -> "There are 2 dogs."
5. A question that fits no rule keeps its words: "what time is it?" + "noon" -> "What time is it? Noon."
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ops.text.language import NOT_ENGLISH, is_english


@dataclass(frozen=True, slots=True)
class Statement:
    """A text to score against an image. `uninformative` says why no image could speak for or against it, and is empty
    when one could; `negated` marks a denial, which most encoders carry badly."""

    text: str
    uninformative: str = ""
    negated: bool = False


_PLACEHOLDER = re.compile(r"<\s*/?\s*(image|video|img)\s*\d*\s*>", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"(please\s+)?(answer|respond|reply|select|choose|provide|give|write)\b[^.?!\n]*"
    r"\b(word|phrase|letter|option|options|choices|sentence|briefly|directly)\b[^.?!\n]*[.!]?",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?:^|(?<=\s))\(?([A-H])[.):]\s*(.+?)(?=\s+\(?[A-H][.):]\s|\n|$)")
_LETTER = re.compile(r"\(?([A-H])[.):]?$")
_POLARITY = re.compile(r"(yes|yeah|yep|true|correct|no|nope|false)\b[\s,.;:!-]*(.*)$", re.IGNORECASE | re.DOTALL)
_AFFIRMATIVE = {"yes", "yeah", "yep", "true", "correct"}
_EMPTY_TALK = re.compile(
    r"(ok(ay)?|sure|certainly|of course|thanks?( you)?|you'?re welcome|hello|hi|great|done|n/?a|none|null|unknown|"
    r"(it('s| is) )?(not sure|unclear|unanswerable|impossible to (say|tell))|"
    r"(i('m| am) )?(sorry|unable|not able|not sure)\b.*|"
    r"i (do not|don't|can not|cannot|can't) (know|tell|say|see|answer|determine|help)\b.*)[\s.!,]*$",
    re.IGNORECASE | re.DOTALL,
)
_FINITE = re.compile(
    r"\b(is|are|was|were|has|have|had|does|do|can|could|will|would|shows?|contains?|appears?|seems?|looks?|wears?|"
    r"holds?|sits?|stands?|features?|depicts?|there's|it's)\b",
    re.IGNORECASE,
)

_PLACE = r"(?:in|within) (?:the|this) (?:image|picture|photo|photograph|scene)"
_SEEN = "(?:there|present|shown|visible|depicted|displayed|pictured)"
_THERE = rf"(?:{_SEEN}(?: (?P<where>{_PLACE}))?|(?P<where2>in (?:the|this) \w+))"
#: Characters of a question that are looked at, from its end: the patterns' time must not grow with hostile input.
_QUESTION_CHARS = 2000
_COUNTED = {
    "shape", "object", "animal", "thing", "item", "vehicle", "fruit", "instrument", "tool", "device", "bird", "figure"
}  # fmt: skip
_PRONOUNS = {
    "it", "he", "she", "they", "this", "that", "these", "those", "anyone", "someone", "everyone", "anybody",
    "somebody", "everybody", "anything", "something", "everything", "we", "you", "i",
}  # fmt: skip
_PREPOSITIONS = {
    "in", "on", "at", "under", "over", "behind", "near", "beside", "above", "below", "inside", "outside", "between",
    "next", "by", "with", "without", "from", "to", "of", "for", "like", "around", "against", "across", "along",
}  # fmt: skip
_BREAKS = {"a", "an", "the", "any", "some", "not", "very", "all", "also", "both", "made", "worn", "present", "visible",
           "open", "closed", "empty", "full", "likely", "more", "less", "bigger", "smaller", "taller"}  # fmt: skip
_VERBS = {
    "have", "contain", "show", "look", "appear", "seem", "wear", "hold", "include", "depict", "feature", "need", "use",
    "like", "make", "ride", "carry", "face", "match", "belong", "eat", "want", "play", "sit", "stand", "touch",
}  # fmt: skip
_BE = {"is", "are", "was", "were"}
_AUXILIARIES = _BE | {"does", "do", "did", "can", "could", "will", "would", "should", "has", "have", "had"}
_WORD = re.compile(r"[^\W_]", re.UNICODE)


def make_statement(question: str, answer: str) -> Statement:
    """The statement that `answer` makes when given to `question`; either may be empty."""
    asked, options = _asked(question)
    made = _stated(asked, options, answer)
    if made.uninformative or (is_english(asked) and is_english(made.text)):
        return made
    return replace(made, uninformative=NOT_ENGLISH)


def rewrite(question: str, answer: str) -> Statement:
    """The same where the question is known to be English: other answers to it need not be looked at again."""
    return _stated(*_asked(question), answer)


def _asked(question: str) -> tuple[str, dict[str, str]]:
    """What is asked in the end, and the options by their letters."""
    full_question = _clean((question or "")[-_QUESTION_CHARS:])
    return _last_question(full_question), dict(_OPTION.findall(full_question))


def _stated(asked: str, options: dict[str, str], answer: str) -> Statement:
    said = _clean(answer)
    if letter := _LETTER.match(said):
        said = options.get(letter[1], "").strip()
        if not said:
            return Statement(_clean(answer), "an option letter whose options are not listed")
    if not _WORD.search(said):
        return Statement(said, "no words")
    if _EMPTY_TALK.match(said):
        return Statement(_sentence(said), "an answer that says nothing about the image")
    if polarity := _POLARITY.match(said):
        return _polar(asked, said, polarity)
    if _is_sentence(said) or not asked.endswith("?"):
        return Statement(_sentence(said), negated=_denies(said))
    return _closed(asked[:-1].strip(), said.rstrip(" .!,;"))


def _clean(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", _PLACEHOLDER.sub(" ", text or "")).strip()


def _last_question(text: str) -> str:
    """The last sentence that asks, without instructions and options; the last line where none asks."""
    body = _INSTRUCTION.sub(" ", _OPTION.sub("\n", text))
    body = re.sub(r"\b(choices|options|question|context)\s*:", " ", body, flags=re.IGNORECASE)
    pieces = [p.strip() for p in re.findall(r"[^?.!\n]+(?:[?.!]+|$|\n)", body) if _WORD.search(p)]
    asking = [p for p in pieces if p.endswith("?")]
    if asking:
        return re.sub(r"\s+", " ", asking[-1]).rstrip("?").strip() + "?"
    last = re.sub(r"\s+", " ", pieces[-1]).strip(" .!") if pieces else ""
    first = last.split(" ", 1)[0].lower()
    return last + "?" if first in _AUXILIARIES | {"what", "how", "where", "who", "which"} else last


def _is_sentence(text: str) -> bool:
    words = len(text.split())
    return words > 8 or (words >= 4 and (text[-1] in ".!" or _FINITE.search(text) is not None))


def _denies(text: str) -> bool:
    return re.search(r"\b(no|not|none|nobody|nothing|never|without)\b|n't\b", text, re.IGNORECASE) is not None


def _sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,;")
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def _with_article(noun: str) -> str:
    """`noun` behind "a" or "an" when it is one bare countable-looking word or an adjective and such a word."""
    words = noun.split()
    bare = noun.islower() and noun.replace(" ", "").isalpha() and len(words) <= 2
    if not bare or words[0] in _BREAKS | _PREPOSITIONS or noun.endswith(("s", "ing")):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _polar(asked: str, said: str, polarity: re.Match[str]) -> Statement:
    yes = polarity[1].lower() in _AFFIRMATIVE
    rest = polarity[2].strip()
    if len(rest.split()) >= 3:
        return Statement(_sentence(rest), negated=_denies(rest))
    words = asked.rstrip("?").lower().split()
    if not asked.endswith("?") or len(words) < 2 or words[0] not in _AUXILIARIES:
        if _WORD.search(rest):
            return Statement(_sentence(said), negated=not yes)
        return Statement(_sentence(f"{asked} {said}"), "yes or no to something that is no yes/no question")
    return _affirm(asked.rstrip("?"), yes)


def _affirm(asked: str, yes: bool) -> Statement:
    """The yes/no question `asked` (without its mark) as a statement, affirmed or denied."""
    asked = re.sub(r"^(can|do|did) you see\b", "is there", asked, flags=re.IGNORECASE)
    words = asked.split()
    auxiliary = words[0].lower()
    body = [w for w in words[1:] if w.lower() != "not"]
    if len(body) < len(words) - 1:
        yes = not yes
    if not body:
        return Statement(_sentence(f"{asked}? {'yes' if yes else 'no'}"), "a question without a subject")
    if auxiliary in _BE and body[0].lower() == "there":
        return _existence(f"There {auxiliary}", " ".join(body[1:]), "", yes)
    definite = body[0].lower() in {"the", "this", "that", "these", "those"} | _PRONOUNS
    if auxiliary in _BE and body[-1].lower() in {"present", "visible", "there", "shown"} and not definite:
        return _existence("", " ".join(body[:-1]), f" {auxiliary} {body[-1]}", yes)
    subject, predicate = _split(body)
    if auxiliary in {"does", "do", "did"}:
        return _with_do(auxiliary, subject, predicate, yes)
    return Statement(_sentence(f"{subject} {auxiliary} {'' if yes else 'not '}{predicate}"), negated=not yes)


def _existence(before: str, thing: str, after: str, yes: bool) -> Statement:
    """`thing` exists, or none does; "no thing" in the question turns the sense round."""
    first, _, rest = thing.partition(" ")
    if first.lower() == "no" and rest:
        yes, thing = not yes, rest
        if yes and not before.endswith("are"):
            thing = _with_article(rest)
    elif first.lower() in {"a", "an", "any", "some"} and rest and not yes:
        thing = rest
    return Statement(_sentence(f"{before} {'' if yes else 'no '}{thing}{after}".strip()), negated=not yes)


def _split(body: list[str]) -> tuple[str, str]:
    """Subject and predicate of what follows the auxiliary. Without a parser: a pronoun is the whole subject; else the
    subject runs to the first verb form, preposition or article after its first word, or to the last word."""
    if body[0].lower() in _PRONOUNS or len(body) == 1:
        return body[0], " ".join(body[1:])
    for at in range(1, len(body)):
        word = body[at].lower()
        ends = word in _PREPOSITIONS | _BREAKS | _VERBS or (len(word) > 4 and word.endswith(("ing", "ed")))
        if ends and not (at == 1 and body[0].lower() in {"the", "a", "an", "this", "that", "any", "all"}):
            if word == "of":
                continue
            return " ".join(body[:at]), " ".join(body[at:])
    return " ".join(body[:-1]), body[-1]


def _with_do(auxiliary: str, subject: str, predicate: str, yes: bool) -> Statement:
    verb, _, rest = predicate.partition(" ")
    if not yes:
        return Statement(_sentence(f"{subject} {auxiliary} not {predicate}"), negated=True)
    if auxiliary == "does":
        verb = "has" if verb == "have" else verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")
        text = f"{subject} {verb} {rest}"
    else:
        text = f"{subject} {'did ' if auxiliary == 'did' else ''}{predicate}"
    return Statement(_sentence(text), negated=_denies(text))


def _kind_there(match: re.Match[str], answer: str) -> str:
    where = (match["where"] or match["where2"] or "").strip()
    plural = (match["be"] or "is").lower() in {"are", "were"}
    return f"there {match['be'] or 'is'} {answer if plural else _with_article(answer)} {where}"


def _what_is(match: re.Match[str], answer: str) -> str:
    """ "what is X?": X is the answer, with an article where the last word of X names a countable kind."""
    subject, be = match["x"], match["be"]
    words = subject.split()
    if words[0].lower() in _PREPOSITIONS:
        return f"{_with_article(answer)} {be} {subject}"
    head, predicate = _split(words)
    if predicate and len(words) > 1 and (predicate.split()[0].lower().endswith("ing") or " " in predicate):
        if predicate.lower() in {"doing", "up to"}:
            return f"{head} {be} {answer}"
        if predicate.lower().endswith(("ing", " of", " with", " on", " to", " in", " from", " at")):
            return f"{head} {be} {predicate} {answer if predicate.endswith(' of') else _with_article(answer)}"
    counted = words[-1].lower() in _COUNTED or words[0].lower() in {"this", "it", "that"}
    return f"{subject} {be} {_with_article(answer) if counted else answer}"


def _how_many(match: re.Match[str], answer: str) -> str:
    one = answer.lower() in {"1", "one"}
    there = re.fullmatch(rf"{_SEEN}?\s*(?P<where>{_PLACE})?", match["y"] or "", re.IGNORECASE)
    thing = match["x"]
    if one and thing == "people":
        thing = "person"
    elif one and thing.endswith("s") and not thing.endswith("ss"):
        thing = thing[:-1]
    be = {"are": "is", "were": "was"}.get(match["be"], match["be"]) if one else match["be"]
    if there:
        return f"there {be} {answer} {thing} {there['where'] or ''}"
    return f"{answer} {thing} {be} {match['y']}"


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str], str], str]]


def _rule(pattern: str, build: Callable[[re.Match[str], str], str]) -> _Rule:
    return re.compile(pattern, re.IGNORECASE), build


_BE_WORD = r"(?P<be>is|are|was|were)"
_RULES: tuple[_Rule, ...] = (
    _rule(rf"what colou?rs? {_BE_WORD} (?P<x>.+)", lambda m, a: f"{m['x']} {m['be']} {a}"),
    _rule(rf"what(?:'s| {_BE_WORD}) the colou?rs? of (?P<x>.+)", lambda m, a: f"{m['x']} {m['be'] or 'is'} {a}"),
    _rule(rf"(?:what|which) (?:kind of |type of |sort of )?[\w-]+ {_BE_WORD} {_THERE}", _kind_there),
    _rule(
        r"(?:what|which) (?:kind of |type of )?[\w-]+ do(?:es)? (?P<x>(?:the|this) (?:image|picture|photo|scene)) "
        r"(?P<v>contain|show|have|depict|include|feature)",
        lambda m, a: f"{m['x']} {'has' if m['v'].lower() == 'have' else m['v'] + 's'} {_with_article(a)}",
    ),
    _rule(
        rf"what (?:kind|type|sort) of (?P<x>[\w -]+?) {_BE_WORD} (?P<y>this|that|it|these|those)",
        lambda m, a: f"{m['y']} {m['be']} {_with_article(a)}",
    ),
    _rule(
        rf"(?:what|which) (?P<n>[\w-]+) {_BE_WORD} (?P<x>this|that|it|these|those)",
        lambda m, a: f"{m['x']} {m['be']} {_with_article(a) if m['n'].lower() in _COUNTED else a}",
    ),
    _rule(rf"what (?:shape|size|material) {_BE_WORD} (?P<x>.+)", lambda m, a: f"{m['x']} {m['be']} {a}"),
    _rule(rf"what {_BE_WORD} (?P<x>.+)", _what_is),
    _rule(rf"how many (?P<x>.+?) {_BE_WORD}(?: (?P<y>.+))?", _how_many),
    _rule(rf"where {_BE_WORD} (?P<x>.+)", lambda m, a: f"{m['x']} {m['be']} {a}"),
    _rule(rf"who {_BE_WORD} (?P<x>.+)", lambda m, a: f"{a} {m['be']} {m['x']}"),
    _rule(rf"(?:what|which) (?P<n>[\w-]+) {_BE_WORD} (?P<x>.+)", lambda m, a: f"the {m['n']} {m['x']} {m['be']} {a}"),
)


def _closed(asked: str, answer: str) -> Statement:
    """A question (without its mark) and an answer of a few words."""
    for pattern, build in _RULES:
        if match := pattern.fullmatch(asked):
            return Statement(_sentence(build(match, answer)), negated=_denies(answer))
    words = asked.split()
    if words[0].lower() in _BE and " or " in asked and len(words) > 2:
        subject, _ = _split(words[1:])
        return Statement(_sentence(f"{subject} {words[0].lower()} {answer}"))
    return Statement(f"{_sentence(asked + '?')} {_sentence(answer)}", negated=_denies(answer))
