"""Words of English that statements are built from: sentences, articles, denials, subjects. No parser, word lists."""

import re

BE = frozenset(("is", "are", "was", "were"))
AUXILIARIES = BE | {"does", "do", "did", "can", "could", "will", "would", "should", "has", "have", "had"}
PREPOSITIONS = frozenset((
    "in", "on", "at", "under", "over", "behind", "near", "beside", "above", "below", "inside", "outside", "between",
    "next", "by", "with", "without", "from", "to", "of", "for", "like", "around", "against", "across", "along",
))  # fmt: skip
PRONOUNS = frozenset((
    "it", "he", "she", "they", "this", "that", "these", "those", "anyone", "someone", "everyone", "anybody",
    "somebody", "everybody", "anything", "something", "everything", "we", "you", "i",
))  # fmt: skip
_BREAKS = frozenset((
    "a", "an", "the", "any", "some", "not", "very", "all", "also", "both", "made", "worn", "present", "visible",
    "open", "closed", "empty", "full", "likely", "more", "less", "bigger", "smaller", "taller",
))  # fmt: skip
_VERBS = frozenset((
    "have", "contain", "show", "look", "appear", "seem", "wear", "hold", "include", "depict", "feature", "need", "use",
    "like", "make", "ride", "carry", "face", "match", "belong", "eat", "want", "play", "sit", "stand", "touch",
))  # fmt: skip
_FINITE = re.compile(
    r"\b(is|are|was|were|has|have|had|does|do|can|could|will|would|shows?|contains?|appears?|seems?|looks?|wears?|"
    r"holds?|sits?|stands?|features?|depicts?|there's|it's)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]")
_DENIAL = re.compile(r"\b(no|not|none|nobody|nothing|never|without)\b|n't\b", re.IGNORECASE)


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return _WORD.search(text) is not None


def is_sentence(text: str) -> bool:
    """Whether the text stands by itself: more than eight words, or four with a verb or a mark at the end."""
    words = len(text.split())
    return words > 8 or (words >= 4 and (text[-1] in ".!" or _FINITE.search(text) is not None))


def denies(text: str) -> bool:
    """Whether a word of denial stands in it."""
    return _DENIAL.search(text) is not None


def sentence(text: str) -> str:
    """The text with a capital letter and a mark at its end, its spaces made single."""
    text = re.sub(r"\s+", " ", text).strip(" ,;")
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def with_article(noun: str) -> str:
    """`noun` behind "a" or "an" when it is one bare countable-looking word or an adjective and such a word."""
    words = noun.split()
    bare = noun.islower() and noun.replace(" ", "").isalpha() and len(words) <= 2
    if not bare or words[0] in _BREAKS | PREPOSITIONS or noun.endswith(("s", "ing")):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def split_subject(body: list[str]) -> tuple[str, str]:
    """Subject and predicate of what follows the auxiliary. Without a parser: a pronoun is the whole subject; else the
    subject runs to the first verb form, preposition or article after its first word, or to the last word."""
    if body[0].lower() in PRONOUNS or len(body) == 1:
        return body[0], " ".join(body[1:])
    for at in range(1, len(body)):
        word = body[at].lower()
        ends = word in PREPOSITIONS | _BREAKS | _VERBS or (len(word) > 4 and word.endswith(("ing", "ed")))
        if ends and not (at == 1 and body[0].lower() in {"the", "a", "an", "this", "that", "any", "all"}):
            if word == "of":
                continue
            return " ".join(body[:at]), " ".join(body[at:])
    return " ".join(body[:-1]), body[-1]
