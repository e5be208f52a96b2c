"""Figures and texts as a reader sees them."""


def number(value: float) -> str:
    """A figure: thousands set apart, three digits of a fraction."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.3g}"


def percent(part: float, whole: float) -> str:
    """A part as a percentage of the whole; small shares keep a digit more."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def visible(text: str) -> str:
    """Text with control characters and those that change its direction shown as their codes, so that no text can pass
    for another."""
    return "".join(f"\\u{ord(letter):04x}" if _hidden(letter) else letter for letter in text)


def _hidden(letter: str) -> bool:
    if letter in "\n\t":
        return False
    return letter < " " or letter == "\x7f" or "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
