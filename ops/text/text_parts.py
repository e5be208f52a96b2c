"""Long texts taken apart into sentences and noun phrases, by rules for English: no model, the same output for the same
input, never an error, in time that grows with the length of the text.

An encoder reads the first 77 tokens or so of a text and blurs what a long sentence says. Its parts say one thing each.
A noun phrase here is what follows a determiner, a number, a preposition or the start of a clause, up to the next word
that cannot belong to it: another such word, a verb, a pronoun, a mark. Phrases that name nothing to be seen ("the
image", "a variety") are left out. Only statements are taken apart, and these are English (ops.text.statements).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ops.text.numbers import NUMBER_WORDS

#: Words from which a text of one sentence counts as long; shorter ones say one thing, and stay whole.
LONG_WORDS = 20
#: Parts of a text at most, of which half may be sentences.
MOST_PARTS = 12
_MOST_CHARS = 12_000
_MOST_WORDS = 1000
#: A longer sentence is cut: encoders read about 50 words.
_SENTENCE_WORDS = 40
_PHRASE_WORDS = 6


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ABBREVIATIONS = _set("mr. mrs. ms. dr. st. vs. e.g. i.e. etc. no. approx. inc. jr. sr. fig. u.s.")
_BULLETS = _set("- * • – — · ‣")
_DETERMINERS = _set(
    "a an the this that these those his her its their my your our some several many few both each every another any "
    "no multiple various numerous"
) | frozenset(NUMBER_WORDS[1:13])
_LEADS = _set(
    "in on at under over behind near beside above below inside outside between by with without from to of for like "
    "around against across along atop among through into onto toward towards and or plus beneath past off alongside"
)
_ENDS = _set(
    "is are was were be been being am has have had do does did can could will would should may might must there here "
    "it he she they we you i him them us who whom which what where when while as if then than so but because although "
    "though not also very too just only even still likely possibly perhaps partially slightly up down out away back "
    "together next close due such more most other others something someone everyone nothing yes it's there's that's "
    "himself herself itself themselves possible visible present able"
)
_VERBS = _set(
    "sit stand ride hold wear walk look eat run play lie lay rest hang carry show feature appear seem contain include "
    "depict have cover fill surround display drive fly lean pull reach wait enjoy add create suggest indicate give "
    "make take use get go come serve provide consist capture face touch watch jump swim sleep read cut prepare gather "
    "scatter place position engage surf ski throw catch hit swing climb cross graze feed drink smile pose talk extend "
    "adorn decorate stretch occupy belong remain stay move travel approach"
)
_IRREGULAR = _set("sat stood rode held wore lay lain ate ran seen made taken set put seems wearing shown worn given")
_NOUNS_IN_ING = _set(
    "dining living building ceiling railing clothing painting wedding evening morning string ring king wing swing "
    "spring thing parking swimming washing baking cutting lighting awning siding bedding pudding sling frosting icing "
    "sibling duckling wing topping dressing opening landing crossing coloring drawing"
)
_NOT_PAST = _set("bed red shed sled seed weed speed feed colored coloured sacred hundred aged")
_UNSEEN = _set(
    "image picture photo photograph scene background foreground side part left right top bottom center centre middle "
    "way day time lot kind type number variety sense atmosphere addition front end view moment position area left-hand "
    "right-hand edge distance setting overall feeling mood example total pair group bunch range focus presence "
    "appearance impression contrast corner question answer option"
)
_STOPS = {ord(mark): f"{mark} " for mark in "。！？"}
_MARKS = ".,;:!?\"'()[]{}“”‘’…*_`"


@dataclass(frozen=True, slots=True)
class TextParts:
    """The sentences of a text, where there are several, and its noun phrases: at most MOST_PARTS, each once."""

    sentences: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        yield from self.sentences
        yield from self.phrases

    def __len__(self) -> int:
        return len(self.sentences) + len(self.phrases)


@lru_cache(maxsize=16384)
def split_parts(text: str) -> TextParts:
    """The parts of a long text, in their order; none of a short one. Where there are too many, those taken are spread
    over the text."""
    words = text[:_MOST_CHARS].translate(_STOPS).split()[:_MOST_WORDS]
    # A question asserts nothing; statements have one where it fits no rule (ops.text.statements).
    sentences = [one for one in _sentences(words) if not one[-1].endswith("?")]
    if len(sentences) < 2 and sum(map(len, sentences)) < LONG_WORDS:
        return TextParts()
    whole = " ".join(words).lower()
    clauses = _each_once((" ".join(sentence) for sentence in sentences), {whole})
    kept = _spread(clauses, MOST_PARTS // 2)
    phrases = _each_once((p for s in sentences for p in _phrases(s)), {whole, *(one.lower() for one in kept)})
    return TextParts(tuple(kept), tuple(_spread(phrases, MOST_PARTS - len(kept))))


def _sentences(words: Iterable[str]) -> Iterator[list[str]]:
    """Sentences and items of lists, as words; those without a letter or a figure are left out."""
    held: list[str] = []
    for word in words:
        if word in _BULLETS or len(held) >= _SENTENCE_WORDS:
            yield from _speaking(held)
            held = []
        if word in _BULLETS:
            continue
        held.append(word)
        bare = word.rstrip("\"')]”’*_")
        initial = len(bare) == 2 and bare[0].isupper()
        if bare.endswith((".", "!", "?", "…", "。", "！", "？")) and bare.lower() not in _ABBREVIATIONS and not initial:
            yield from _speaking(held)
            held = []
    yield from _speaking(held)


def _speaking(words: list[str]) -> list[list[str]]:
    return [words] if any(character.isalnum() for word in words for character in word) else []


def _phrases(sentence: Sequence[str]) -> Iterator[str]:
    held: list[str] = []
    things = 0
    may_start = True
    for word in sentence:
        bare = word.strip(_MARKS).lower().removesuffix("'s")
        belongs = _belongs(bare, things) and (held != [] or not bare.endswith("ing") or bare in _NOUNS_IN_ING)
        if bare in _DETERMINERS or not belongs or word[0] in '([{"“' or things == _PHRASE_WORDS:
            yield from _noun_phrases(held, things)
            held, things = [], 0
            may_start = bare in _DETERMINERS or bare in _LEADS or (belongs and may_start)
        if bare in _DETERMINERS:
            held = [bare]
        elif belongs and (held or may_start):
            held.append(word.strip(_MARKS))
            things += 1
        if word[-1] in ',;:.!?)]}"”':
            yield from _noun_phrases(held, things)
            held, things, may_start = [], 0, True
    yield from _noun_phrases(held, things)


def _belongs(bare: str, things: int) -> bool:
    """Whether a word may stand in a noun phrase that names `things` words so far."""
    if not bare or bare in _LEADS or bare in _ENDS or bare in _IRREGULAR or not bare[0].isalnum():
        return False
    if bare.endswith("ly") and bare not in {"family", "belly", "lily", "butterfly", "fly", "jelly"}:
        return False
    if not things:
        return bare not in _VERBS
    if bare.endswith("ing"):
        return bare in _NOUNS_IN_ING
    if bare.endswith("ed") and len(bare) > 4:
        return bare in _NOT_PAST
    return not (bare in _VERBS or bare.removesuffix("s") in _VERBS or bare.removesuffix("es") in _VERBS)


def _noun_phrases(held: Sequence[str], things: int) -> Iterator[str]:
    head = held[-1].lower() if things else ""
    if things and head not in _UNSEEN and head.removesuffix("s") not in _UNSEEN and any(map(str.isalpha, head)):
        yield " ".join(held)


def _each_once(texts: Iterable[str], known: set[str]) -> list[str]:
    kept: dict[str, str] = {}
    for text in texts:
        if text.lower() not in known:
            kept.setdefault(text.lower(), text)
    return list(kept.values())


def _spread(texts: Sequence[str], most: int) -> list[str]:
    if len(texts) <= most:
        return list(texts)
    return [texts[n * len(texts) // most] for n in range(most)]
