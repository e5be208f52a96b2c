"""Finds the Java that Spark needs. Standard library only, and errors: set-up runs it before anything is installed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.core.errors import EngineError

#: The releases that this Spark supports.
SUPPORTED = (17, 21, 25)
MISSING = "Spark needs Java 17, 21 or 25 (a JRE is enough): install one, for instance openjdk-17-jre-headless"


@dataclass(frozen=True, slots=True)
class Java:
    """A Java installation: the folder for JAVA_HOME and the release."""

    home: Path
    release: int


def _homes() -> Iterator[Path]:
    if "JAVA_HOME" in os.environ:
        yield Path(os.environ["JAVA_HOME"])
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parents[1]
    yield from sorted(Path("/usr/lib/jvm").glob("*"))


def _release(home: Path) -> int | None:
    # Asking the program and not the folder's `release` file: a folder left by an unfinished removal has the file only.
    try:
        asked = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', asked.stderr)
    return int(version[1]) if version else None


def find_java() -> Java | None:
    """The first supported Java of JAVA_HOME, PATH and /usr/lib/jvm, in that order; None where there is none."""
    for home in _homes():
        release = _release(home)
        if release in SUPPORTED:
            return Java(home, release)
    return None


def require_java() -> Java:
    """`find_java`, or an EngineError that says what to install."""
    java = find_java()
    if java is None:
        raise EngineError(MISSING)
    return java


if __name__ == "__main__":
    java = find_java()
    if java is None:
        sys.exit(MISSING)
    print(f"Java {java.release} at {java.home}")
