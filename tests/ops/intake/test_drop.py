"""The files of a drop and what it says of itself; nothing reaches outside."""

import gzip
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from ops.core.printable import unfit_file_name
from ops.intake.drop import Manifest, check_name, data_files, is_complete, read_manifest
from ops.intake.drop_files import OUTSIDE, UNFIT, DropError, DropFiles, NotAFileError, open_drop
from ops.intake.row import RowError


def drop(tmp_path: Path, **files: str | bytes) -> DropFiles:
    for name, data in files.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return open_drop(tmp_path)


def test_a_manifest_says_what_the_drop_is(tmp_path: Path):
    text = """
    name: "007"
    licence: CC-BY-4.0
    arrived: 2026-11-23
    datasets: {"vqa/*.json": easy-vqa}
    format: llava
    images: [shared/pictures]
    ignore_fields: {"*.json": [label, score], "vqa/*": video}
    """
    manifest = read_manifest(drop(tmp_path, drop__yaml=text))
    assert manifest == Manifest(
        "007",
        {"vqa/*.json": "easy-vqa"},
        {"*": "llava"},
        "CC-BY-4.0",
        "2026-11-23",
        ("shared/pictures",),
        {"*.json": ("label", "score"), "vqa/*": ("video",)},
    )
    assert manifest.ignored("vqa/train.json") == ("label", "score", "video")
    assert manifest.ignored("rows.jsonl") == ()
    assert manifest.dataset("vqa/train.json") == "easy-vqa"
    assert manifest.dataset("a/b.c.jsonl.gz") == "b"
    assert read_manifest(open_drop(tmp_path.parent)) == Manifest()


# Each line means nine times the line before it.
LAUGHS = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "not plain YAML"),
        ("- 1", "no mapping"),
        ("colour: red", "'colour'"),
        ("name: 2026-11-23", "put it in quotes"),
        ("name: ../up", "a letter or digit"),
        ("images: ../other", "leaves the drop"),
        ("images: {a: b}", "a folder, or a list of folders"),
        ("format: [llava]", "format must be"),
        ("ignore_fields: 3", "a list of fields, or such lists by file pattern"),
        ("ignore_fields: {'*': [[label]]}", "a list of fields, or such lists by file pattern"),
        ("!!python/object/apply:os.system ['touch /tmp/x']", "not plain YAML"),
        ("name: !!python/name:os.system", "not plain YAML"),
        ("licence: &a [*a]", "licence must be text"),
        ("name: \x00", "not plain YAML"),
        ("name: " + "[" * 5000, "not plain YAML"),
        ("#" * 70_000, "larger than"),
        ('images: "a\\0b"', "control character '\\x00'"),
        ('images: ["ok", "a\\ud800"]', "half of a surrogate pair"),
        ('licence: "\\e[2J"', "control character '\\x1b'"),
        ('datasets: {"*.json": "\\x9bx"}', "control character '\\x9b'"),
        ('datasets: {"\\0": x}', "control character '\\x00'"),
        ("licence: " + "x" * 5000, "at most 4096"),
        ("[a]: b", "it may hold"),
        ("images: &a [" + "x," * 9000 + "x]\nlicence: [" + "*a," * 9000 + "*a]", "are there aliases"),
        ('ignore_fields: {"*.json": ["\\e[2J"]}', "control character"),
        ("? {a: b}\n: c", "drop.yaml"),
        ("name: [" + "9," * 400 + "9]", "put it in quotes"),
        (LAUGHS, "'a0'"),
    ],
)
def test_a_manifest_that_is_not_plain_is_an_error(tmp_path: Path, text: str, message: str):
    with pytest.raises(DropError, match="drop") as error:
        read_manifest(drop(tmp_path, drop__yaml=text))
    assert message in str(error.value)


def as_folder(path: Path) -> None:
    path.mkdir()


def as_loop(path: Path) -> None:
    path.symlink_to(path.name)


def as_link_out(path: Path) -> None:
    (path.parent.parent / "secret").write_text("secret: word")
    path.symlink_to(path.parent.parent / "secret")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [os.mkfifo, as_folder, as_loop, as_link_out])
def test_a_manifest_that_is_no_file_is_an_error_at_once(tmp_path: Path, make: Callable[[Path], None]):
    (tmp_path / "drop").mkdir()
    make(tmp_path / "drop" / "drop.yaml")
    with pytest.raises(DropError, match=r"drop\.yaml: it cannot be read: .*; make it a plain file") as error:
        read_manifest(open_drop(tmp_path / "drop"))
    assert "word" not in str(error.value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [os.mkfifo, as_folder, as_loop, as_link_out])
def test_only_regular_files_inside_are_opened(tmp_path: Path, make: Callable[[Path], None]):
    (tmp_path / "drop").mkdir()
    make(tmp_path / "drop" / "rows.jsonl")
    with pytest.raises(OSError, match=r"."):
        open_drop(tmp_path / "drop").open("rows.jsonl")


def test_a_file_replaced_by_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = drop(tmp_path, a__png=b"x")
    real = os.open

    def late(path: str, flags: int) -> int:
        os.unlink(path)
        os.mkfifo(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(NotAFileError):
        files.open("a.png")


def test_files_whose_names_the_lake_cannot_hold_are_listed_but_not_opened(tmp_path: Path):
    names = [
        b"a\xff.jsonl",
        b"b\x1b[2J.jsonl",
        b"c\nd.jsonl",
        b"a\\xff.jsonl",
        b"good.jsonl",
        b"\xe2\x80\xaeevil.jsonl",
    ]
    for name in names:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(b"{}")
    listing = open_drop(tmp_path).listing()
    assert len({info.name for info in listing}) == len(names)
    assert all(unfit_file_name(info.name) is None for info in listing)
    fit = {info.name for info in listing if info.stamp != UNFIT}
    assert fit == {"good.jsonl", "a\\xff.jsonl"}


@pytest.mark.full
def test_a_tree_of_a_thousand_levels_is_listed(tmp_path: Path):
    levels = sys.getrecursionlimit() + 50
    started_in = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(levels):
            os.mkdir("d")
            os.chdir("d")
        Path("x.jsonl").touch()
        assert len(open_drop(tmp_path).listing()) == 1
        os.unlink("x.jsonl")
        for _ in range(levels):  # pytest's own clean-up counts on the stack for each level
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(started_in)


@pytest.mark.parametrize("name", ["a", "2026-11-23", "007", "A" * 100, "x.y_z-1"])
def test_names_of_drops(name: str):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".hidden", "-a", "a/b", "a b", "ü", "A" * 101, "a\n", "../a"])
def test_what_is_no_name(name: str):
    with pytest.raises(DropError):
        check_name(name)


def test_a_drop_is_complete_when_its_sender_says_so(tmp_path: Path):
    files = drop(tmp_path, train__json="[]")
    assert not is_complete(files.listing())
    (tmp_path / "_SUCCESS").touch()
    assert is_complete(files.listing())
    (tmp_path / "b.tar.part").touch()
    assert not is_complete(files.listing())
    (tmp_path / "b.tar.part").unlink()
    (tmp_path / "_SUCCESS").rename(tmp_path / "drop.yaml")
    assert is_complete(files.listing())


def test_which_files_hold_rows(tmp_path: Path):
    names = ["a.json", "b.jsonl.gz", "c.tar", "c.parquet", "d.parquet", "e.bin"]
    others = ["x.JPG", "y.webp", "README.md", "dataset_info.json", "00000_stats.json", "_SUCCESS", "drop.yaml", ".hid"]
    for name in [*names, *others]:
        (tmp_path / name).touch()
    listed = [info.name for info in data_files(open_drop(tmp_path).listing())]
    assert listed == [name for name in names if name != "c.parquet"]


@pytest.fixture
def guarded(tmp_path: Path) -> DropFiles:
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "key.png").write_bytes(b"secret")
    (tmp_path / "drop-evil").mkdir()
    (tmp_path / "drop-evil" / "key.png").write_bytes(b"secret")
    root = tmp_path / "drop"
    (root / "images").mkdir(parents=True)
    (root / "images" / "a.png").write_bytes(b"inside")
    (root / "link.png").symlink_to(outside / "key.png")
    (root / "linked").symlink_to(outside)
    (root / "sibling").symlink_to(tmp_path / "drop-evil")
    (root / "same.png").symlink_to(root / "images" / "a.png")
    os.mkfifo(root / "pipe.png")
    return open_drop(root)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret/key.png", "path_outside_drop"),
        ("images/../../secret/key.png", "path_outside_drop"),
        ("/etc/passwd", "path_outside_drop"),
        ("~/x.png", "path_outside_drop"),
        ("C:\\x.png", "path_outside_drop"),
        ("\\\\host\\share\\x.png", "path_outside_drop"),
        ("link.png", "path_outside_drop"),
        ("linked/key.png", "path_outside_drop"),
        ("sibling/key.png", "path_outside_drop"),
        ("http://example.org/a.png", "image_url"),
        ("file:///etc/passwd", "image_url"),
        ("s3://bucket/a.png", "image_url"),
        ("data:image/png;base64,AA==", "image_url"),
        ("pipe.png", "image_missing"),
        ("images", "image_missing"),
        ("none.png", "image_missing"),
        ("a\x00.png", "image_missing"),
        (" ", "image_missing"),
        ("x" * 5000, "image_missing"),
        ("y" * 300, "image_missing"),
        ("a.png/b.png", "image_missing"),
    ],
)
def test_no_path_leaves_the_drop(guarded: DropFiles, path: str, reason: str):
    with pytest.raises(RowError) as error:
        guarded.read_image(path, (".", "images"), max_bytes=100)
    assert error.value.reason == reason


def test_what_is_inside_is_read(guarded: DropFiles):
    for path in ("a.png", "images/a.png", "./images//a.png", "images/x/../a.png", "same.png"):
        assert guarded.read_image(path, (".", "images"), max_bytes=100) == b"inside"
    with pytest.raises(RowError, match="image_bytes"):
        guarded.read_image("a.png", ("images",), max_bytes=5)


def test_links_that_leave_and_pipes_are_listed_but_not_opened(guarded: DropFiles):
    stamps = {info.name: info.stamp for info in guarded.listing()}
    outside = {name for name, stamp in stamps.items() if stamp == OUTSIDE}
    assert outside == {"link.png", "linked", "pipe.png", "sibling"}
    assert stamps.keys() - outside == {"images/a.png", "same.png"}


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_files_are_read_from_anywhere(tmp_path: Path, compress):
    data = os.urandom(3_000_000)
    files = drop(tmp_path, x__gz=compress(data[:1_000_000]) + compress(data[1_000_000:]))
    for start in (0, 1, 999_999, 1_000_001, 2_999_999, 3_000_000):
        with files.expanded("x.gz", expansion=10, start=start) as stream:
            assert stream.read() == data[start:]


@pytest.mark.full
@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_file_that_expands_too_far_is_stopped(tmp_path: Path, compress):
    files = drop(tmp_path, x__gz=compress(bytes(200_000_000)))
    with files.expanded("x.gz", expansion=100) as stream, pytest.raises(RowError, match="file_bomb"):
        list(iter(lambda: len(stream.read(1 << 20)), 0))


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_broken_compressed_files_say_so(tmp_path: Path, compress):
    data = compress(os.urandom(100_000))
    for broken in (data[:50_000], data[:50_000] + b"\0" * 50_000, data[:6], data[:4] + b"\xff" * 100):
        files = drop(tmp_path, x__gz=broken)
        with pytest.raises(RowError, match="file_unreadable"), files.expanded("x.gz", expansion=100) as stream:
            stream.read()
