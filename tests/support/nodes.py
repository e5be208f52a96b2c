"""A cluster on this machine: nodes whose network, processes and temporary folders are their own.

A node is a set of Linux namespaces, held by a process that ends when its standard input does: with this process, or by
`Node.kill`, which takes everything that runs in the node with it, as a power cut would. The wire between the nodes is a
bridge in namespaces of its own, so that nothing of it is to be seen on the machine. All nodes see the checkout and its
.venv, as machines do on which the same image is installed; /tmp and /dev/shm, and whatever lies there, are one node's.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
_NAMESPACES = ["--net", "--mount", "--pid", "--uts"]
#: Mounts are this node's alone: /proc shows its processes, and no other node sees its folders. Names of the other nodes
#: are known; nobody is asked for any other, which would take its time to fail.
_HOLD = """
set -e
mount -t tmpfs -o size=4g tmpfs /tmp && mount -t tmpfs -o size=4g tmpfs /dev/shm
printf %s "$2" > /tmp/hosts && mount --bind /tmp/hosts /etc/hosts && rm /tmp/hosts
mount --bind /dev/null /etc/resolv.conf
hostname "$1" && ip link set lo up && echo ready
exec cat
"""


@cache
def nodes_impossible() -> str:
    """Why this machine has no nodes to give; empty where it has."""
    if REPOSITORY.is_relative_to("/tmp"):  # noqa: S108
        return "this checkout lies in /tmp, of which each node has its own"
    tried = ["unshare", *_NAMESPACES, "--fork", "--mount-proc", "sh", "-c", "ip link add br0 type bridge"]
    try:
        done = subprocess.run(tried, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no namespaces with a bridge: {error}"
    return done.stderr.strip() and f"no namespaces with a bridge: {done.stderr.strip()}"


@dataclass(slots=True)
class Node:
    """A machine of the cluster. `address` is what the other nodes know it by, `pid` the first of its processes."""

    name: str
    address: str
    holder: subprocess.Popen[str]
    pid: int
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str, environment: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """A program in this node, which ends with it."""
        known = {name: os.environ[name] for name in ("LANG", "JAVA_HOME") if name in os.environ}
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
        known |= {"PATH": programs, "HOME": "/tmp", "PYTHONPATH": paths.strip(os.pathsep), "OPENBLAS_NUM_THREADS": "1"}  # noqa: S108
        known |= self.environment | dict(environment or {})
        # A group of its own: it is ended with the programs that it started.
        return subprocess.Popen(
            self._inside(words), cwd=REPOSITORY, env=known, text=True, start_new_session=True, **options
        )

    def run(self, *words: str, within_s: float, environment: Mapping[str, str] | None = None) -> str:
        """What a program says that runs in this node. AssertionError where it fails or is not done in time."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.start(*words, environment=environment, **streams) as program:
            try:
                output, complaint = program.communicate(timeout=within_s)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                output, complaint = program.communicate()
                raise AssertionError(f"{self.name}: not done in {within_s} s\n{complaint[-4000:]}") from None
            assert program.returncode == 0, f"{self.name}: {output[-2000:]}\n{complaint[-6000:]}"
        return output

    def call(
        self, function: str, *, within_s: float, environment: Mapping[str, str] | None = None, **words: Any
    ) -> Any:
        """What `function` (module:name) returns for these words in a Python of this node; both pass as JSON."""
        script = [sys.executable, "-m", "tests.support.called", function, json.dumps(words)]
        return json.loads(self.run(*script, within_s=within_s, environment=environment).splitlines()[-1])

    def reach(self, address: str, port: int, *, within_s: float) -> None:
        """Waits until something in this node, or in another, takes connections there."""
        tried = f"while ! (: </dev/tcp/{address}/{port}) 2>/dev/null; do sleep 0.1; done"
        self.run("bash", "-c", tried, within_s=within_s)

    def kill(self) -> None:
        """Ends the node and all that runs in it at once; nobody is told."""
        os.kill(self.pid, signal.SIGKILL)
        self.holder.wait(timeout=30)

    def processes(self, word: str) -> list[int]:
        """Ids, on this machine, of the node's processes whose command line holds the word."""
        mine = os.readlink(f"/proc/{self.pid}/ns/pid")
        held = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if word in command and os.readlink(entry / "ns/pid") == mine:
                    held.append(int(entry.name))
            except OSError:
                continue  # it ended meanwhile
        return sorted(held)

    def _inside(self, words: tuple[str, ...]) -> list[str]:
        # nsenter runs the program as a child, which ends with it.
        dying = ["setpriv", "--pdeathsig", "KILL"]
        return ["nsenter", "--target", str(self.pid), *_NAMESPACES, "--wd=.", "--", *dying, *words]


@contextmanager
def wired(*names: str) -> Iterator[list[Node]]:
    """Nodes of these names on one wire, 10.77.0.1, .2, ...; all ended at the end."""
    nodes: list[Node] = []
    try:
        addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
        hosts = "".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **addresses}.items())
        bridge = _node("wire", "", hosts)
        nodes.append(bridge)
        _ip(bridge, "link add br0 type bridge")
        _ip(bridge, "link set br0 up")
        for number, (name, address) in enumerate(addresses.items(), 1):
            node = _node(name, address, hosts)
            nodes.append(node)
            _ip(bridge, f"link add port{number} type veth peer name eth0 netns {node.pid}")
            _ip(bridge, f"link set port{number} master br0 up")
            _ip(node, f"addr add {node.address}/24 dev eth0")
            _ip(node, "link set eth0 up")
            _ip(node, f"route add default dev eth0 src {node.address}")
        yield nodes[1:]
    finally:
        for node in reversed(nodes):
            if node.holder.poll() is None:
                node.kill()
            for stream in (node.holder.stdin, node.holder.stdout):
                if stream is not None:
                    stream.close()


def _node(name: str, address: str, hosts: str) -> Node:
    words = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "sh", "-c", _HOLD, "sh", name, hosts]
    # Its own last word, when the node is killed, is of no use to anybody.
    holder = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n", f"node {name} did not start"
    return Node(name, address, holder, int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text("utf-8")))


def _ip(node: Node, words: str) -> None:
    subprocess.run(["nsenter", "--target", str(node.pid), "--net", "ip", *words.split()], check=True, timeout=30)
