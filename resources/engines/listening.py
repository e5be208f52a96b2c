"""What the engines of this user's runs listen on, read from /proc: no package is needed for it."""

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"
#: Programs of a run: Ray's, Spark's Java, Dagster's, and the interpreter that started them.
_OURS = re.compile(r"gcs_server|raylet|ray::|/ray/|pyspark|org\.apache\.spark|dagster|assay|pipelines\.ui")


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that a process of this user listens on."""

    pid: int
    program: str
    address: str
    port: int

    @property
    def on_loopback(self) -> bool:
        """Whether other machines cannot reach it."""
        address = ipaddress.ip_address(self.address)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def listeners() -> list[Listener]:
    """The TCP ports that runs of this user listen on now, in the order of their processes."""
    ports = {inode: where for name in ("tcp", "tcp6") for inode, where in _sockets(Path("/proc/net") / name).items()}
    listening: list[Listener] = []
    for folder in sorted((path for path in Path("/proc").iterdir() if path.name.isdigit()), key=lambda p: int(p.name)):
        try:
            if folder.stat().st_uid != os.geteuid():
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if not _OURS.search(command):
                continue
            inodes = {os.readlink(handle) for handle in (folder / "fd").iterdir()}
        except OSError:
            continue  # It ended meanwhile.
        program = (folder / "comm").read_text("utf-8", "replace").strip() if (folder / "comm").exists() else "?"
        listening += [Listener(int(folder.name), program, *where) for inode, where in ports.items() if inode in inodes]
    return listening


def _sockets(table: Path) -> dict[str, tuple[str, int]]:
    """Address and port by socket, as /proc/PID/fd names it."""
    if not table.exists():
        return {}
    rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
    return {f"socket:[{row[9]}]": _place(row[1]) for row in rows if row[3] == _LISTEN}


def _place(written: str) -> tuple[str, int]:
    """An address as the kernel writes it: words of four bytes in the machine's order, in hexadecimal."""
    words, _, port = written.partition(":")
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    return str(ipaddress.ip_address(raw)), int(port, 16)
