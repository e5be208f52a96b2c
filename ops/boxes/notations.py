"""Boxes in a text, as models and trainers write them.

| notation | looks like | written by |
|---|---|---|
| `tokens` | `<|box_start|>(x1,y1),(x2,y2)<|box_end|>`, after `<|object_ref_start|>...<|object_ref_end|>` | Qwen2-VL |
| `tags` | `<box>(x1,y1),(x2,y2)</box>`, `<box>[[x1, y1, x2, y2]]</box>`, after `<ref>...</ref>` | Qwen-VL, InternVL |
| `json` | `"bbox_2d": [...]`, `"bbox": [...]`, `"point_2d": [...]`, beside a `"label"` | Qwen2.5-VL, Qwen3-VL |
| `list` | `[0.12, 0.3, 0.45, 0.9]`: four shares of the sides, with decimals | LLaVA, Shikra |
| `objects` | ms-swift's `<bbox>`, filled from the row's `objects` as `[x1, y1, x2, y2]` | ms-swift |
| `columns` | nothing: COCO's columns beside the text (`bbox` of x, y, width, height) | COCO, Hugging Face |

The last two are read from the row (ops/formats/boxes.py), the others from its texts, here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKENS = "tokens"
TAGS = "tags"
JSON = "json"
LIST = "list"
OBJECTS = "objects"
COLUMNS = "columns"

NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_MARKED = re.compile(
    rf"(?:<\|object_ref_start\|>(?P<token_phrase>[^<]{{0,300}})<\|object_ref_end\|>\s*)?"
    rf"<\|box_start\|>(?P<tokens>[\s\d.,()\[\]-]*)<\|box_end\|>"
    rf"|(?:<ref>(?P<tag_phrase>[^<]{{0,300}})</ref>\s*)?<box>(?P<tags>[\s\d.,()\[\]-]*)</box>"
    rf'|"(?:bbox|bbox_2d|point_2d)"\s*:\s*\[(?P<json>{_NUMBER}(?:,{_NUMBER}){{1,3}})\]'
    rf"|\[(?P<list>\s*[01]\.\d{{1,6}}\s*(?:,\s*[01]\.\d{{1,6}}\s*){{3}})\]",
    re.ASCII,
)
_HINTS = ("<|box_start|>", "<box>", '"bbox', '"point_2d', "[0.", "[1.", "[ 0.")
_LABEL = re.compile(r'"label"\s*:\s*"((?:[^"\\]|\\.){0,300})"')
_NEIGHBOURHOOD = 500


@dataclass(frozen=True, slots=True)
class MarkedBox:
    """A box (four numbers) or point (two) in a text. `start` and `end` bound its numbers there, in characters; `phrase`
    names what is in it, where the notation has a place for that."""

    notation: str
    start: int
    end: int
    numbers: tuple[float, ...]
    phrase: str | None


def marked_boxes(text: str) -> list[MarkedBox]:
    """The boxes of a text, in their order."""
    if not any(hint in text for hint in _HINTS):
        return []
    boxes: list[MarkedBox] = []
    phrase: str | None = None
    end = -1
    for match in _MARKED.finditer(text):
        notation = str(match.lastgroup)
        own = match["token_phrase"] or match["tag_phrase"]
        # `<ref>dogs</ref><box>..</box><box>..</box>`: what follows without a phrase goes on with the one before.
        phrase = own or (phrase if match.start() == end else None)
        end = match.end()
        named = _label(text, *match.span()) if notation == JSON else phrase
        boxes += _boxes(notation, match[notation], match.start(notation), (named or "").strip() or None)
    return boxes


def _boxes(notation: str, marked: str, offset: int, phrase: str | None) -> Iterator[MarkedBox]:
    numbers = list(NUMBER.finditer(marked))
    step = 2 if len(numbers) == 2 else 4
    for first in range(0, len(numbers) - step + 1, step):
        corners = numbers[first : first + step]
        span = offset + corners[0].start(), offset + corners[-1].end()
        yield MarkedBox(notation, *span, tuple(float(corner[0]) for corner in corners), phrase)


def _label(text: str, start: int, end: int) -> str | None:
    """The label in the JSON object that the box of this span stands in, if the object is flat and near."""
    after = text[end : end + _NEIGHBOURHOOD].partition("}")[0]
    before = text[max(0, start - _NEIGHBOURHOOD) : start].rpartition("{")[2]
    label = _LABEL.search(after) or _LABEL.search(before)
    return label[1] if label else None
