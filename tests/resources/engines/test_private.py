"""What only the user of a run may read."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.engines.private import FOLDER, OWNER, is_open, passing_folder, private_folder, token_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_folder_and_token_are_this_users_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = private_folder(str(tmp_path / "lake"))
        token = token_file(folder)
    finally:
        os.umask(before)
    assert folder == tmp_path / "lake" / FOLDER
    assert (mode(folder), mode(token)) == (0o700, 0o600)
    assert len(token.read_text()) == 64
    assert [path.name for path in folder.iterdir()] == [token.name]


def test_what_was_opened_is_closed_and_the_token_kept(tmp_path: Path) -> None:
    token = token_file(private_folder(str(tmp_path)))
    kept = token.read_text()
    token.chmod(0o644)
    token.parent.chmod(0o755)
    again = token_file(private_folder(str(tmp_path)))
    assert (mode(again.parent), mode(again), again.read_text()) == (0o700, 0o600, kept)


def test_two_at_once_have_one_token(tmp_path: Path) -> None:
    folder = private_folder(str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: token_file(folder).read_text(), range(64)))
    assert len(tokens) == 1


@pytest.mark.parametrize("lake", [None, "s3://bucket/lake"])
def test_without_a_folder_of_the_lake_it_is_the_users(
    lake: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert private_folder(lake) == tmp_path / "assay" / FOLDER
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assay"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_folder_of_another_user_or_a_link_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    theirs, link = tmp_path / "theirs", tmp_path / "link"
    for lake in (theirs, link):
        lake.mkdir()
    (theirs / FOLDER).mkdir(mode=0o777)
    os.chown(theirs / FOLDER, 65534, 65534)
    (link / FOLDER).symlink_to(theirs / FOLDER)
    for lake in (theirs, link):
        assert private_folder(str(lake)) == tmp_path / "state" / "assay" / FOLDER
    assert (theirs / FOLDER).stat().st_uid == 65534
    assert not is_open(private_folder(str(theirs)))


def test_where_nothing_can_be_kept_it_is_made_for_this_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    folder = private_folder(str(tmp_path / "file" / "lake"))
    assert mode(folder) == 0o700
    folder.rmdir()


def test_passing_folder_is_closed_to_others(tmp_path: Path) -> None:
    assert mode(passing_folder("x-", within=str(tmp_path))) == 0o700


KILLED = """
import os, sys
from resources.engines.private import passing_folder
print(passing_folder("x-", within=sys.argv[1]), flush=True)
os.kill(os.getpid(), 9)
"""


def test_folders_of_processes_that_were_killed_go_and_those_of_others_stay(tmp_path: Path) -> None:
    unowned, foreign, living = (
        tmp_path / "x-unowned",
        tmp_path / "x-foreign",
        passing_folder("x-", within=str(tmp_path)),
    )
    for folder in (unowned, foreign):
        folder.mkdir(mode=0o700)
    (foreign / OWNER).write_text("another-machine:1:1")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    last = passing_folder("x-", within=str(tmp_path))
    assert set(tmp_path.iterdir()) == {unowned, foreign, living, last}
