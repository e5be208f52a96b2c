"""What a storage refuses is said at once and is no lost race."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.core.schemas import DROPS, QUARANTINE
from resources.lake.files import LakeError
from resources.lake.tables import Lake
from tests.support.tables import quarantine

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
OF_ANOTHER = """
import sys
from resources.lake.tables import Lake
from resources.lake.files import LakeError
from ops.core.schemas import DROPS, QUARANTINE
lake, tries = Lake(sys.argv[1]), []
try:
    if sys.argv[2] == "read":
        print(lake.read(QUARANTINE).num_rows)
    else:
        lake.log(DROPS, lambda log: tries.append(1) or [{"drop": "b"}])
except Exception as error:
    print(f"{type(error).__name__}, {len(tries)} tries: {error}")
"""


def as_nobody(root: str | Path, step: str) -> str:
    """What a step at the lake comes to for a user without any right of their own."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to become a user who may not write")
    ran = subprocess.run(
        [*NOBODY, sys.executable, "-c", OF_ANOTHER, str(root), step], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own they may not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103
        yield Path(folder)


def test_a_folder_that_may_not_be_written_is_no_lost_race(open_folder: Path) -> None:
    lake = Lake(open_folder / "lake")
    lake.log(DROPS, lambda log: [{"drop": "a"}])
    assert re.fullmatch(
        r"LakeError, \d tries: drops at .*: the commit failed: .*Permission denied.*run again.*",
        as_nobody(lake.root, "log"),
    )
    (open_folder / "lake" / "drops").chmod(0o777)  # so that rows can be staged, and not be committed
    error = as_nobody(lake.root, "log")
    assert re.fullmatch(r"LakeError, 1 tries: drops at .*Permission denied.*", error), error
    assert "\x1b" not in error


def test_what_may_not_be_seen_is_not_empty(open_folder: Path) -> None:
    lake = Lake(open_folder / "lake")
    lake.write(QUARANTINE, quarantine("a"), partition={"delivery": "a"}, once="a")
    assert as_nobody(lake.root, "read") == "1"
    for folder in ("lake", "lake/quarantine", "lake/quarantine/_delta_log"):
        (open_folder / folder).chmod(0o700)
        error = as_nobody(lake.root, "read")
        assert re.fullmatch(r"LakeError, 0 tries: quarantine .*Permission denied.*", error), error
        (open_folder / folder).chmod(0o755)


def test_a_full_disk_is_no_lost_race(tmp_path: Path) -> None:
    """On a file system of 300 kB: the commit that finds no room says so at once, and those before it stand."""
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", tmp_path], check=False).returncode
    ):
        pytest.skip("needs root and the right to mount, for a disk that is full")
    try:
        lake, done = Lake(tmp_path / "lake"), 0
        message = ""
        while not message and done < 1000:
            try:
                done += len(lake.log(DROPS, lambda log: [{"drop": "x" * 1000}]))
            except LakeError as error:
                message = str(error)
        assert re.fullmatch(r"drops at .*: the commit failed: .*No space left on device.*run again.*", message)
        assert lake.read(DROPS).num_rows == done > 0
    finally:
        gc.collect()  # the file that could not be written is open as long as its error is remembered
        subprocess.run(["umount", tmp_path], check=True)


def test_a_commit_that_nobody_raced_for_is_tried_once(lake: Lake) -> None:
    """A table that only a newer delta-rs may write refuses every commit, and no other writer is to blame."""
    lake.commit(QUARANTINE, [], once="a")
    log = Path(lake.root) / "quarantine" / "_delta_log"
    features = {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["aFeatureOfTomorrow"]}
    (log / f"{2:020d}.json").write_text(json.dumps({"protocol": features}))
    tries: list[int] = []
    with pytest.raises(LakeError, match=r"quarantine at .*: the commit failed: .*aFeatureOfTomorrow"):
        lake._log(QUARANTINE).transact("b", lambda table: tries.append(1) or [])
    assert len(tries) == 1
