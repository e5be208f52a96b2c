"""500 rows, each awkward in a way of its own kind, as a trainer's file holds them: `write_rows` writes `rows.jsonl`
(messages with `<image>` in their texts, `images` as paths, `channel` as the row's number) and the pictures."""

import json
import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

ROWS = 500
_WORDS = [
    "the",
    "red",
    "boat",
    "near",
    "a",
    "small",
    "harbour",
    "shows",
    "two",
    "people",
    "and",
    "one",
    "yellow",
    "sail",
    "under",
    "grey",
    "clouds",
    "by",
    "evening",
]
_UNICODE = ["naïve café", "東京の夜景", "🦜🦜🏽‍♂️", "שלום עולם", "e\u0301\u200b\u202e x", "ﷺ", "\u0000tab\t", "ไทยแลนด์"]


class Maker:
    """Makes the rows of a folder; every draw comes from one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)  # noqa: S311
        self._made: dict[str, str] = {}
        (folder / "images").mkdir(parents=True, exist_ok=True)

    def words(self, count: int) -> str:
        """A text of so many words."""
        return " ".join(self.draw.choice(_WORDS) for _ in range(count))

    def picture(self, width: int, height: int, mode: str = "RGB", kind: str = "png", **options: Any) -> str:
        """A picture's path."""
        name = f"images/{width}x{height}-{mode.replace(';', '')}{'-turned' if options else ''}.{kind}"
        if name not in self._made:
            picture = Image.new(mode, (width, height), self.draw.randrange(1, 200) if mode in ("L", "P", "1") else None)
            picture.save(self.folder / name, **options)
            self._made[name] = name
        return name

    def file(self, name: str, data: bytes) -> str:
        """A file's path."""
        (self.folder / "images" / name).write_bytes(data)
        return f"images/{name}"

    def small(self) -> str:
        """A picture like any other."""
        return self.picture(self.draw.randrange(60, 300, 20), self.draw.randrange(60, 300, 20))


def turn(role: str, content: Any) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": content}


def asked(question: str, answer: str) -> list[dict[str, Any]]:
    """A question and its answer."""
    return [turn("user", question), turn("assistant", answer)]


def _row(messages: list[dict[str, Any]], *images: str) -> dict[str, Any]:
    return {"messages": messages, "images": list(images)}


def _plain(m: Maker) -> dict[str, Any]:
    return _row(asked(f"<image>\n{m.words(6)}?", m.words(9)), m.small())


def _text(m: Maker) -> dict[str, Any]:
    opening = [turn("system", m.draw.choice(["Be brief.", ""]))] if m.draw.random() < 0.5 else []
    return _row([*opening, *asked(m.words(8), m.words(12))])


def _long_answer(m: Maker) -> dict[str, Any]:
    return _row(asked(f"<image>{m.words(5)}", m.words(m.draw.randrange(100, 900))), m.small())


def _long_question(m: Maker) -> dict[str, Any]:
    text = m.words(m.draw.randrange(100, 900))
    return _row(asked(m.draw.choice([f"<image>{text}", f"{text}<image>"]), m.words(10)), m.small())


def _long_talk(m: Maker) -> dict[str, Any]:
    turns = [one for _ in range(m.draw.randrange(3, 12)) for one in asked(m.words(20), m.words(30))]
    at = m.draw.randrange(0, len(turns), 2)
    turns[at] = turn("user", f"{turns[at]['content']} <image>")
    return _row(turns, m.small())


def _huge(m: Maker) -> dict[str, Any]:
    size = m.draw.choice([(1200, 900), (900, 1600), (2400, 1800), (769, 768), (4000, 700)])
    return _row(asked("<image>What is it?", m.words(8)), m.picture(*size))


def _tiny(m: Maker) -> dict[str, Any]:
    size = m.draw.choice([(1, 1), (2, 9), (13, 14), (27, 28), (5, 60), (28, 3), (14, 14)])
    return _row(asked("<image>What is it?", m.words(8)), m.picture(*size))


def _thin(m: Maker) -> dict[str, Any]:
    size = m.draw.choice([(6, 1200), (6, 1206), (2010, 10), (1990, 10), (1, 700), (20, 3000), (10000, 49), (3, 650)])
    return _row(asked("<image>What is it?", m.words(8)), m.picture(*size))


def _many(m: Maker) -> dict[str, Any]:
    pictures = [m.small() for _ in range(m.draw.randrange(4, 14))]
    return _row(asked("<image>" * len(pictures) + "Compare.", m.words(10)), *pictures)


def _missing(m: Maker) -> dict[str, Any]:
    name = m.draw.choice(["images/nowhere.png", "images/weg ß.jpg", "abcd", "images/none/one.webp"])
    return _row(asked("<image>What is it?", m.words(8)), name)


def _broken(m: Maker) -> dict[str, Any]:
    whole = BytesIO()
    Image.effect_noise((80, 60), 90).convert("RGB").save(whole, "JPEG")
    data = whole.getvalue()
    choices = {"noise.png": m.draw.randbytes(300), "empty.jpg": b"", "half.jpg": data[: len(data) // 2]}
    choices["html.png"] = b"<html>404</html>"
    name = m.draw.choice(sorted(choices))
    return _row(asked("<image>What is it?", m.words(8)), m.file(f"broken-{name}", choices[name]))


def _empty_answer(m: Maker) -> dict[str, Any]:
    answers = [m.draw.choice(["", " ", "\n"]), m.words(5)]
    m.draw.shuffle(answers)
    many = m.draw.random() < 0.5
    talk = [*asked("<image>What is it?", answers[0]), *(asked("And this?", answers[1]) if many else [])]
    return _row(talk, m.small())


def _few_places(m: Maker) -> dict[str, Any]:
    return _row(asked(m.draw.choice(["What is it?", "<image>What?"]), m.words(6)), m.small(), m.small())


def _many_places(m: Maker) -> dict[str, Any]:
    pictures = [m.small()] if m.draw.random() < 0.6 else []
    return _row(asked("<image><image>What is it?", m.words(6)), *pictures)


def _unicode(m: Maker) -> dict[str, Any]:
    text = " ".join(m.draw.choice(_UNICODE) for _ in range(6)).replace("\u0000", "")
    return _row(asked(f"<image>{text}", text[::-1]), m.small())


def _order(m: Maker) -> dict[str, Any]:
    user, answer = turn("user", "<image>What is it?"), turn("assistant", m.words(4))
    more = turn("user", m.words(3))
    orders = [
        [answer, user],
        [user, more, answer],
        [user, answer, turn("assistant", m.words(3))],
        [answer, user, answer],
    ]
    return _row([dict(one) for one in m.draw.choice(orders)], m.small())


def _no_answer(m: Maker) -> dict[str, Any]:
    ends = [[turn("user", "<image>What is it?")], [*asked("<image>What?", m.words(4)), turn("user", "Why?")]]
    return _row(m.draw.choice(ends), m.small())


def _system_within(m: Maker) -> dict[str, Any]:
    talk = asked("<image>What is it?", m.words(4))
    talk.insert(m.draw.choice([1, 2]), turn("system", "Be brief."))
    return _row(talk, m.small())


def _roles(m: Maker) -> dict[str, Any]:
    role = m.draw.choice(["developer", "model", "User", "human", ""])
    return _row([turn(role, "<image>What is it?"), turn("assistant", m.words(4))], m.small())


def _null(m: Maker) -> dict[str, Any]:
    talk = asked("<image>What is it?", m.words(4))
    talk[m.draw.choice([0, 1])]["content"] = None
    return _row(talk, m.small())


def _nothing(m: Maker) -> dict[str, Any]:
    return _row(m.draw.choice([[], [turn("system", "Be brief.")]]), *([m.small()] if m.draw.random() < 0.5 else []))


def _model_tokens(m: Maker) -> dict[str, Any]:
    token = m.draw.choice(["<|image_pad|>", "<|im_end|>", "<|im_start|>user", "<|vision_start|>", "<|endoftext|>x"])
    if m.draw.random() < 0.3:
        return _row(asked(f"What is {token} here?", m.words(5)))
    return _row(asked("<image>What is it?", f"It is {token} {m.words(3)}"), m.small())


def _foreign(m: Maker) -> dict[str, Any]:
    word = m.draw.choice(["<video>", "<audio>", "<img>", "<Image>", "<image >"])
    return _row(asked(f"<image>What is {word}?", m.words(5)), m.small())


def _modes(m: Maker) -> dict[str, Any]:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture = m.draw.choice(
        [
            lambda: m.picture(90, 200, "RGBA"),
            lambda: m.picture(90, 200, "L"),
            lambda: m.picture(90, 200, "P"),
            lambda: m.picture(90, 200, "1"),
            lambda: m.picture(90, 200, "I;16"),
            lambda: m.picture(90, 200, "CMYK", "jpg"),
            lambda: m.picture(90, 260, "RGB", "jpg", exif=turned),
        ]
    )()
    return _row(asked("<image>What is it?", m.words(5)), picture)


def _places(m: Maker) -> dict[str, Any]:
    talk = m.draw.choice(
        [
            asked("What is it?", f"{m.words(3)} <image> {m.words(3)}"),
            [turn("system", "Look: <image>"), *asked("What is it?", m.words(4))],
            [*asked("What is it?", m.words(3)), *asked("And <image>?", m.words(3))],
        ]
    )
    return _row(talk, m.small())


def _interleaved(m: Maker) -> dict[str, Any]:
    return _row(asked("First <image> then <image>, last\n<image>\n.", m.words(9)), m.small(), m.small(), m.small())


def _cut_picture(m: Maker) -> dict[str, Any]:
    talk = [*asked(m.words(m.draw.randrange(150, 420)), m.words(9)), *asked("<image>And this?", m.words(9))]
    return _row(talk, m.picture(420, 420))


def _bomb(m: Maker) -> dict[str, Any]:
    side = 14000
    rows = zlib.compress(bytes((side // 8 + 1) * side), 1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return _row(asked("<image>What is it?", m.words(4)), m.file("bomb.png", data))


KINDS: dict[str, tuple[int, Callable[[Maker], dict[str, Any]]]] = {
    "plain": (40, _plain),
    "text": (20, _text),
    "long_answer": (30, _long_answer),
    "long_question": (30, _long_question),
    "long_talk": (30, _long_talk),
    "huge": (25, _huge),
    "tiny": (25, _tiny),
    "thin": (30, _thin),
    "many": (20, _many),
    "missing": (12, _missing),
    "broken": (16, _broken),
    "empty_answer": (20, _empty_answer),
    "few_places": (14, _few_places),
    "many_places": (14, _many_places),
    "unicode": (20, _unicode),
    "order": (16, _order),
    "no_answer": (10, _no_answer),
    "system_within": (10, _system_within),
    "roles": (15, _roles),
    "null": (10, _null),
    "nothing": (8, _nothing),
    "model_tokens": (22, _model_tokens),
    "foreign": (15, _foreign),
    "modes": (14, _modes),
    "places": (12, _places),
    "interleaved": (10, _interleaved),
    "cut_picture": (10, _cut_picture),
    "bomb": (2, _bomb),
}
"""Kinds of rows, and how many of each."""


def write_rows(folder: Path, *, seed: int = 7) -> list[dict[str, Any]]:
    """Writes the rows and their pictures into the folder; returns the rows, each with the name of its `kind`."""
    maker = Maker(folder, seed)
    rows = [{"kind": kind, **make(maker)} for kind, (count, make) in KINDS.items() for _ in range(count)]
    maker.draw.shuffle(rows)
    _write(folder, rows)
    return rows


def write_masked(folder: Path, *, seed: int = 29) -> Path:
    """The file of the same rows with answers that carry no loss, some of them one piece of an answer."""
    rows = write_rows(folder)
    draw = random.Random(seed)  # noqa: S311
    for row in rows:
        messages: list[Any] = []
        for message in row["messages"]:
            if message.get("role") != "assistant":
                messages.append(message)
                continue
            pieces = [message, turn("assistant", draw.choice(["", "And more.", " "]))][: draw.choice([1, 1, 2])]
            messages += [{**piece, "loss": draw.choice([True, False, False, None])} for piece in pieces]
        row["messages"] = messages
    _write(folder, rows)
    return folder / "rows.jsonl"


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            written = {"channel": str(number), "messages": row["messages"], "images": row["images"]}
            file.write(json.dumps(written, ensure_ascii=False) + "\n")
