"""What of a text the lake can hold and a terminal can show. Names and ids come from data, and are printed where a
terminal obeys control characters: these are refused in names, and escaped in whatever else is shown."""

import re

NAME_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Both sets of control characters but for tab and line feed, and what turns the direction of writing."""
_UNSEEN = re.compile(f"{NAME_CONTROL.pattern[:-1]}\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def unfit_name(name: str) -> str | None:
    """What is wrong with a name, or a text of `drop.yaml`, where it is not one that can be held and shown."""
    if not is_unicode(name):
        return "half of a surrogate pair, or bytes that are no UTF-8"
    control = NAME_CONTROL.search(name)
    return f"the control character {control[0]!a}, the {control.start() + 1}th of {len(name)}" if control else None


def unfit_file_name(name: str) -> str | None:
    """What is wrong with the name of a file: as of any name, and a line break, with which a name would write lines of
    its own into whatever shows it."""
    return "a line break" if "\n" in name else unfit_name(name)


def printable(text: str) -> str:
    """A text with half surrogates and control characters escaped, as Python writes them."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def printable_name(name: str) -> str:
    """A file's name with line breaks escaped as well."""
    return printable(name).replace("\n", "\\n")


def printable_json(text: str) -> str:
    """JSON with the same escaped as JSON writes them."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
