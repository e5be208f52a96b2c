"""The contact sheet: what stands on it, and that nothing of the data is markup."""

import base64
import io
import re
from html import unescape
from typing import Any

from PIL import ExifTags, Image

from ops.report.contact_sheet import contact_sheet

HOSTILE = '<script>a & "b"</script>\'\u202e\ud800'


def row(change: str, **values: Any) -> dict[str, Any]:
    reasons = [{"detail": f"{change} {n}", "rule": "long", "value": n} for n in range(5)]
    empty = {"example_id": f"id-{change}", "change": change, "picture": None, "messages": []}
    return empty | {"reasons_before": reasons[:1], "reasons_after": reasons} | values


def text_of(page: str) -> str:
    """The text of a page, without its marks."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("</style>")[2])))


def test_changes_stand_under_their_headings_with_the_reasons_that_matter() -> None:
    text = text_of(contact_sheet("T", rules=[], rows=[row("added"), row("removed"), row("removed")]))
    assert text.index("Would leave") < text.index("id-removed") < text.index("Would come back") < text.index("id-added")
    assert text.count("Would leave") == 1
    assert "Would weigh otherwise" not in text
    assert "added 0 (long: 0)" in text  # of one that comes back, what kept it away
    assert "added 1" not in text
    assert "removed 3 (long: 3)" in text
    assert "removed 4" not in text


def jpeg(orientation: int) -> bytes:
    """A picture of 300 x 100 pixels that a camera was turned for."""
    stream, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", (300, 100)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_pictures_stand_upright_and_those_that_do_not_decode_are_left_out() -> None:
    rows = [row("removed", picture=jpeg(6)), row("removed", picture=b"no picture"), row("added")]
    sources = re.findall(r'<img alt="" src="data:image/jpeg;base64,([^"]+)">', contact_sheet("T", rules=[], rows=rows))
    assert len(sources) == 1
    with Image.open(io.BytesIO(base64.b64decode(unescape(sources[0])))) as image:
        assert image.size == (73, 220)


def test_figures_are_signed_and_set_apart() -> None:
    rules = [{"rule": "long", "before": 12000, "after": 1000, "difference": -11000, "expected_wrong": 1234.56}]
    assert "long 12,000 1,000 -11,000 1,234.6" in text_of(contact_sheet("T", rules=rules, rows=[]))


def test_texts_are_cut_and_nothing_of_them_is_markup() -> None:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": HOSTILE}, {"type": "text", "text": "x" * 300}]
    messages = [{"role": HOSTILE, "parts": parts}] * 7
    reasons = [{"detail": HOSTILE, "rule": HOSTILE, "value": HOSTILE}]
    hostile = row("removed", example_id=HOSTILE, messages=messages, reasons_after=reasons)
    rules = [{"rule": HOSTILE, "before": 0, "after": 0, "difference": 0, "expected_wrong": None}]
    page = contact_sheet(HOSTILE, rules=rules, rows=[hostile])
    page.encode("utf-8")
    assert "<script" not in page
    assert "\u202e" not in page
    printed = HOSTILE.replace("\u202e", "\\u202e").replace("\ud800", "?")
    text = text_of(page)
    assert text.count(f"{printed} ({printed}: {printed})") == 1
    cut = "x" * (240 - len(f"{HOSTILE} ...")) + "..."
    assert text.count(f"{printed} {printed} {cut}") == 6
    assert text.count(cut) == 6
