"""A run with the shipped encoder asks nobody beyond this machine: it works where there is nothing but loopback, and
every `connect` of all its processes is looked at."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resources.models.placement import IMAGES_IN_PROCESS

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
COMMAND = "from pipelines.cli import main; main()"
#: A `connect` as strace writes it: the family, and the address where it has one.
CONNECT = re.compile(r'connect\(\d+, \{sa_family=(AF_\w+)(?:.*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)")?')
LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+")


def isolated(command: list[str]) -> list[str]:
    """The command in a network of its own that has loopback alone; skips, by name, where the machine cannot do that."""
    for tool, package in (("strace", "strace"), ("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (`make test-all` installs it as root; Debian: {package})")
    alone = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    tried = subprocess.run([*alone, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"unshare may make no network namespace here: {tried.stderr.strip()}")
    return [*alone, *command]


def beyond(trace: Path) -> tuple[int, set[str]]:
    """How often something was connected to, and to what that is neither loopback nor a socket of the file system."""
    count, others = 0, set()
    for line in trace.read_text("utf-8", "replace").splitlines():
        if "connect(" not in line:
            continue
        count += 1
        read = CONNECT.search(line)
        family, address = read.groups() if read else (line, None)
        if family in ("AF_UNIX", "AF_NETLINK", "AF_UNSPEC") or (address and LOOPBACK.fullmatch(address)):
            continue
        others.add(f"{family} {address}")
    return count, others


def make_drop(folder: Path) -> Path:
    """More pictures than the run's own process embeds, so that Ray starts."""
    rows = []
    (folder / "images").mkdir(parents=True)
    for n in range(IMAGES_IN_PROCESS + 10):
        pixels = np.random.default_rng(n).integers(0, 256, (60, 60, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{n}.png")
        turns = [("human", f"<image>\nWhat is in place {n}?"), ("gpt", ("red", "a blue ball", "two dogs")[n % 3])]
        messages = [{"from": who, "value": text} for who, text in turns]
        rows.append({"id": str(n), "image": f"images/{n}.png", "conversations": messages})
    (folder / "rows.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.timeout(1200)
def test_a_run_needs_no_network_and_asks_for_none(tmp_path: Path) -> None:
    trace, lake = tmp_path / "trace", tmp_path / "lake"
    traced = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "-e", "signal=none", "-o", str(trace)]
    assay = [sys.executable, "-c", COMMAND, "run", str(make_drop(tmp_path / "drop")), "--lake", str(lake), "--json"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SPARK_", "DAGSTER_"))}
    ran = subprocess.run(
        isolated([*traced, *assay]),
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout)["version"] == 1
    count, others = beyond(trace)
    assert count > 50, "Ray, Spark and Python's own connections are seen"
    assert not others


def test_a_connection_beyond_this_machine_is_seen(tmp_path: Path) -> None:
    """So the trace would show one."""
    trace = tmp_path / "trace"
    asks = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('169.254.169.254', 80))"
    traced = ["strace", "-f", "-qq", "-e", "trace=connect", "-o", str(trace), sys.executable, "-c", asks]
    subprocess.run(isolated(traced), check=False, capture_output=True)
    assert beyond(trace)[1] == {"AF_INET 169.254.169.254"}
