"""Words and paths that something might obey, and rows that hold them."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.layouts import LAYOUTS

#: What a terminal, Rich, a browser, a spreadsheet, a shell, SQL, or a format string might obey.
WORDS = [
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP+q544e\x1b\\",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "\x08" * 20 + "other",
    "kept\rlost",
    "\x00",
    "\x7f",
    "a\u2028b\u2029c",
    "\u202egnp.exe",
    "\u2066isolated",
    "\ud83d",
    "\udcff",
    "\ufeffbom",
    "\uffff\U0010ffff",
    "Z\u0351\u036b\u0343" * 40,
    "[bold red]x[/]",
    "[/]",
    "[link=http://127.0.0.1]x",
    "[@click=app.bell]x[/]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</style></pre>{{ 7*7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    '=HYPERLINK("http://127.0.0.1")',
    "\t=1",
    "$(touch /tmp/pwned)",
    "`id`",
    "; rm -rf /",
    "' OR '1'='1",
    "Robert'); DROP TABLE examples;--",
    "%s%s%n",
    "{0.__class__.__mro__}",
    "${jndi:ldap://127.0.0.1/a}",
    "__proto__",
    "NaN",
    "null",
    "../../../x",
    "CON",
    "x" * 100_000,
    "\\",
    '\\"',
    "\n\n\n",
]

#: Paths that a row may name an image by; `secret.png` lies beside the drop, `out` is a link to its folder.
PATHS = [
    "../secret.png",
    "../../secret.png",
    "images/../../secret.png",
    "./../secret.png",
    "..",
    "../",
    ".",
    "/",
    "//",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "/dev/stdin",
    "dev/../../../../../../dev/zero",
    "~/secret.png",
    "~root/secret.png",
    "$HOME/secret.png",
    "%2e%2e/secret.png",
    "..%2fsecret.png",
    "..\\secret.png",
    "..\\..\\secret.png",
    "\\\\host\\share\\secret.png",
    "C:\\secret.png",
    "c:/secret.png",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///etc/passwd",
    "http://127.0.0.1:9/a.png",
    "https://127.0.0.1:9/a.png",
    "HTTP://127.0.0.1:9/a.png",
    "ftp://127.0.0.1/a.png",
    "gs://bucket/a.png",
    "s3://bucket/a.png",
    "memory://a.png",
    "zip://a.png::http://127.0.0.1/a.zip",
    "simplecache::http://127.0.0.1/a.png",
    "filecache::s3://b/a.png",
    "github://a:b@/a.png",
    "data:text/html,<script>",
    "data:image/png;base64,AAAA",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/png;base64," + "A" * 50_000,
    "data:,",
    "link.png",
    "out/secret.png",
    "loop.png",
    "loop/a.png",
    "fifo.png",
    "socket.png",
    "device.png",
    "images",
    "images/",
    "images/good.png/x.png",
    "drop.yaml",
    "rows.jsonl",
    "a\x00.png",
    "images/good.png\x00.txt",
    "\x00",
    "\ud800.png",
    "\udcff.png",
    "x" * 300 + ".png",
    "x/" * 2500,
    "x" * 5000,
    "",
    " ",
    "\n",
    "images/good.png\n",
    "images/good.png ",
    "-rf",
    "*",
    "images/*.png",
    "?",
    "[a-z].png",
    "|ls",
    "con.png",
    "images//..//..//secret.png",
    "images/./././../../secret.png",
    "．．/secret.png",
    "..\u2215secret.png",
    ".../secret.png",
    "....//secret.png",
]

GOOD = {"id": "good", "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]}


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) of a text in a tree of lists and objects."""
    for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(child, str):
            yield value, key
        elif isinstance(child, dict | list):
            yield from spots(child)


def hostile_rows() -> list[dict[str, Any]]:
    """Each word somewhere in each layout, and each path as an image of each layout that has one."""
    bases = [row for _, _, row, _ in LAYOUTS]
    made = [
        with_word(copy(base), word, number + turn)
        for number, word in enumerate(WORDS)
        for turn, base in enumerate(bases)
    ]
    for path in PATHS:
        made += [copy(base) | {"image": path} for base in bases if isinstance(base.get("image"), str)]
        made += [copy(base) | {"images": [path]} for base in bases if isinstance(base.get("images"), list)]
    return made


def copy(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(row))


def with_word(row: dict[str, Any], word: str, turn: int) -> dict[str, Any]:
    """The row with a word as an id, a judge, an unknown field's name and value, a field, or one of its texts."""
    added: list[dict[str, Any]] = [
        {"id": word},
        {"annotator": word},
        {"extra": {word: [word]}},
        {word: word},
        {"id": {"a": word}},
    ]
    if turn % 6 < len(added):
        return row | added[turn % 6]
    texts = list(spots(row))
    holder, key = texts[turn % len(texts)]
    holder[key] = word
    return row
