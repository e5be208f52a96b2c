"""However a place is written, it is one place; what names none is refused."""

import os
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.config.places import PlaceError, is_address, local_path, plain_place
from resources.lake.tables import Lake

NAMES = st.sampled_from(["a", "b c", "ü", "100%", "x=y", "#1", "q?", "..a", "x:y", "~x~", "-"])


@st.composite
def spellings(draw: st.DrawFn, place: str, folders: list[str]) -> str:
    """Another way to write the absolute path `place`: through `.`, `..` and doubled slashes, relative to one of the
    folders, in the home folder, or as a URL."""
    steps = []
    for part in place.strip("/").split("/"):
        detour = draw(st.sampled_from(["", ".", "", "no-such-folder/..", ""]))
        steps += [*([detour] if detour else []), part]
    joint = draw(st.sampled_from(["/", "//"]))
    ending = draw(st.sampled_from(["", "/", "//", "/."]))
    path = "/" + joint.join(steps) + ending
    way = draw(st.sampled_from(["path", "url", "encoded url", "relative"]))
    if way == "relative":
        return os.path.relpath(place, draw(st.sampled_from(folders))) + ending
    if way == "path" or "?" in path:
        return path
    return ("file://" + quote(path)) if way == "encoded url" else Path(os.path.normpath(path)).as_uri() + ending


@given(data=st.data(), names=st.lists(NAMES, min_size=1, max_size=4))
def test_every_spelling_is_one_place(data: st.DataObject, names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        place = "/".join([os.path.realpath(home), *names])
        os.makedirs(place)
        folder, before = os.path.realpath(home), os.getcwd()
        spelt = data.draw(spellings(place, [folder]))
        os.chdir(folder)
        try:
            assert plain_place(spelt) == plain_place(place) == place
            assert Lake(spelt).root == place
            assert plain_place(plain_place(spelt)) == place
        finally:
            os.chdir(before)


def test_home_links_and_parents_lead_where_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    assert plain_place("~/lake/") == f"{tmp_path}/lake"
    assert plain_place("~") == str(tmp_path)
    assert plain_place(tmp_path / "link" / "lake") == f"{tmp_path}/link/lake"  # other machines may mount it elsewhere
    assert plain_place(tmp_path / "link" / ".." / "lake") == f"{tmp_path}/far/lake"  # where `cd` would lead
    monkeypatch.chdir(tmp_path / "link")
    assert plain_place("../lake") == f"{tmp_path}/far/lake"


@given(parts=st.lists(NAMES, min_size=1, max_size=4), data=st.data())
def test_addresses_have_one_spelling_too(parts: list[str], data: st.DataObject) -> None:
    joint = data.draw(st.sampled_from(["/", "//", "/./"]))
    ending = data.draw(st.sampled_from(["", "/", "//"]))
    assert plain_place(f"s3://bucket/{joint.join(parts)}{ending}") == f"s3://bucket/{'/'.join(parts)}"


@pytest.mark.parametrize("address", ["s3://", "s3:///", "s3://bucket/../other", "s3:/bucket/lake", "gs://.."])
def test_an_address_of_no_place_is_refused(address: str) -> None:
    with pytest.raises(PlaceError, match="write it like s3://bucket/folder"):
        Lake(address)


@pytest.mark.parametrize("name", ["%41", "x%2fy", "back\\slash"])
def test_a_name_that_delta_misreads_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlaceError, match="rename the folder"):
        Lake(tmp_path / name)
    with pytest.raises(PlaceError, match="rename the folder"):
        Lake(f"s3://bucket/{name}")


def test_an_address_never_becomes_a_local_folder() -> None:
    for written in ("s3://bucket/x", Path("s3://bucket/x"), "S3://bucket/x", "gs://bucket/x"):
        assert is_address(written)
        with pytest.raises(PlaceError, match=r"an export: .*://bucket/x is an address in a store"):
            local_path(written, "an export")
    for path in ("s3", "./s3:/x", "/s3:/x", "a:b", "2:/x", "file:///x", "file:/x"):
        assert not is_address(path)
