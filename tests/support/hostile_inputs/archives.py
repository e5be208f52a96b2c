"""Tars with hostile members between good samples."""

import tarfile
from collections.abc import Iterator

from tests.support.layouts import picture

MEMBERS = [
    "../evil.txt",
    "../../evil.txt",
    "a/../../evil.txt",
    "/evil.txt",
    "//evil.txt",
    "\\evil.txt",
    "C:\\evil.txt",
    "./evil.txt",
    "evil\x1b[2J.txt",
    "evil\n.txt",
    "\udcff\udcfe.txt",
    "ü.txt",
    "x" * 90 + ".txt",
    "x/" * 60 + "evil.txt",
    "x" * 5000 + ".txt",
    ".txt",
    "evil",
    "evil.",
    "evil.txt.txt",
    "a.json",
    "__key__.txt",
    "a.__key__",
    "a.__large__",
    "a.png.exe",
    "PaxHeaders/x.txt",
    "GNUSparseFile.0/x.txt",
    "<script>.txt",
    "[/].txt",
    "=1+1.txt",
    " .txt",
    "CON.txt",
    "..txt",
    "...",
    "a b.txt",
    "-rf.txt",
    "evil.txt/",
]
KINDS = [
    tarfile.REGTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
    b"V",
    b"Z",
]


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def block(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def sample(key: str) -> bytes:
    """A good sample of a tar."""
    parts = ((f"{key}.png", picture(kind="PNG")), (f"{key}.txt", b"A cat."))
    return b"".join(header(name, len(data)) + block(data) for name, data in parts)


def hostile_archives() -> Iterator[tuple[str, bytes, int]]:
    """Tars: name, bytes, and how many good samples stand in it before and behind the hostile member."""
    with_data = (tarfile.REGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"V", b"Z")
    for n, name in enumerate(MEMBERS):
        for kind in KINDS:
            data = b"secret" if kind in with_data else b""
            whole = sample("before") + header(name, len(data), kind) + block(data) + sample("zz") + bytes(1024)
            yield f"m{n}-{kind.hex()}.tar", whole, 2
    twice = header("a.txt", 3) + block(b"one") + header("a.txt", 3) + block(b"two")
    yield "twice.tar", sample("before") + twice + sample("zz"), 2
    yield "size_of_link.tar", sample("before") + header("l", 0, tarfile.SYMTYPE) + sample("zz"), 2
    for n, claim in enumerate((1 << 20, 1 << 33, 1 << 50, 1 << 62, 1 << 70)):
        yield f"claim{n}.tar", sample("before") + header("a.txt", claim) + b"x" * 512, 1
    for n, pax in enumerate(
        (
            b"20 path=../evil.txt\n",
            b"19 size=9999999999\n",
            b"99999999999999999999 path=x\n",
            b"0 path=x\n",
            b"-1 path=x\n",
            b"15 size=1e309\n\n",
            b"22 GNU.sparse.major=1\n",
            b"\xff\xfe",
            b"26 path=\xff\xfe\x00\x1b[2J.txt..\n",
        )
    ):
        evil = header("pax", len(pax), tarfile.XHDTYPE) + block(pax) + header("a.txt", 3) + block(b"one")
        yield f"pax{n}.tar", sample("before") + evil, 1
    evil = b"".join(header("pax", 10, tarfile.XHDTYPE) + block(b"10 a=bcde\n") for _ in range(3000))
    yield "many_pax.tar", sample("before") + evil + header("a.txt", 3) + block(b"one"), 1
