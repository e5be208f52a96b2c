"""Locks the dependencies of pyproject.toml, and checks that the lock is in step with them. Standard library only.

`python infra/lock.py [--upgrade]` compiles requirements.lock with uv, keeping the versions that are locked, and
infra/runtime.lock, what of it a run needs, infra/uv.lock, which pins uv itself for machines that lack it,
infra/cluster.lock, what a Ray cluster takes jobs with and Dagster keeps records in Postgres with,
infra/nodes.lock, what tests of several machines want beside it,
infra/streaming.lock, whose packages write MDS, infra/browser.lock, which drives a browser, and the locks of
infra/trainers, whose packages load exports in tests.
`--check` needs no network: the lock's first line carries a digest of what was asked for.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
FLAGS = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--quiet"]


def header() -> str:
    """First line of the lock: a digest of all that decides which packages are wanted."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {key: project[key] for key in ("requires-python", "dependencies", "optional-dependencies")}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    return f"# `make lock` made this from pyproject.toml, whose dependencies have the digest {digest}."


def compile_lock(source: str, target: str, *options: str) -> None:
    """Runs `uv pip compile` from the root, so that no path of this machine gets into the file."""
    command = ["uv", "pip", "compile", source, *FLAGS, *options, "-o", target]
    subprocess.run([*command, "--custom-compile-command", "make lock"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str]) -> None:
    """Checks or makes the lock."""
    if arguments == ["--check"]:
        with LOCK.open(encoding="utf-8") as lines:
            if lines.readline().rstrip("\n") != header():
                sys.exit("requirements.lock is not in step with pyproject.toml: run `make lock` and commit the result")
        return
    compile_lock("pyproject.toml", LOCK.name, "--extra", "dev", *arguments)
    LOCK.write_text(f"{header()}\n{LOCK.read_text('utf-8')}", "utf-8")
    compile_lock("pyproject.toml", "infra/runtime.lock", "-c", LOCK.name)
    compile_lock("infra/uv.in", "infra/uv.lock", *arguments)
    compile_lock("infra/cluster.in", "infra/cluster.lock", *arguments)
    compile_lock("infra/nodes.in", "infra/nodes.lock", *arguments)
    compile_lock("infra/streaming.in", "infra/streaming.lock", *arguments)
    compile_lock("infra/browser.in", "infra/browser.lock", *arguments)
    for source in sorted((ROOT / "infra" / "trainers").glob("*.in")):
        path = source.relative_to(ROOT)
        compile_lock(str(path), str(path.with_suffix(".lock")), "--no-deps", *arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
