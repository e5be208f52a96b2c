"""A lake that an older reader wrote is read anew, and what that reader took for a target is none any more."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from ops.core.schemas import DROP_FILES, DROPS, EXAMPLES, IMAGES, PREFERENCES, TableSpec
from ops.gates.guards import GuardSettings
from ops.intake.reading import READING
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.admission import admit
from resources.intake.corpus_drops import admitted_deliveries
from resources.intake.drop_folders import still_holds
from resources.intake.ingest import Delivery, ingest
from resources.intake.old_readings import old_readings
from resources.lake.tables import Lake
from tests.support.drops import everything, llava, make_drop
from tests.support.old_readings import read_as_before
from tests.support.standing_lake import arrive

ASK, BAD = {"role": "user", "content": "What?"}, {"role": "assistant", "content": "A dog."}
LIMITS = GuardSettings(quarantine_floor=0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Four good answers, and one that its label calls bad."""
    folder = make_drop(tmp_path / "drop", [llava(n, f"{n}.png") for n in range(4)])
    (folder / "judged.jsonl").write_text(json.dumps({"messages": [ASK, BAD], "label": False}))
    return folder


def poisoned(lake: Lake, drop: Path) -> str:
    """The drop in the lake, its bad answer taken for a target."""
    delivery = read_as_before(lake, drop, "flowers", {"judged.jsonl": json.dumps({"messages": [ASK, BAD]}).encode()})
    admit(lake, "flowers", settings=LIMITS)
    return delivery


def targets(lake: Lake) -> list[str]:
    """The answers that the admitted deliveries teach."""
    rows = lake.read(EXAMPLES, where={"delivery": admitted_deliveries(lake), "kind": "sft"}).to_pylist()
    return [m["parts"][0]["text"] for row in rows for m in row["messages"] if m["role"] == "assistant"]


def take(lake: Lake, drop: Path, unchanged: str = "") -> Delivery:
    return ingest(lake, drop, "flowers", settings=IngestSettings(), progress=SilentProgress(), unchanged=unchanged)


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("named", [True, False])
def test_a_drop_of_an_older_reading_is_read_anew_once(lake: Lake, drop: Path, named: bool):
    older = poisoned(lake, drop)
    assert "A dog." in targets(lake)
    (old,) = old_readings(lake)
    assert (old.drop, old.delivery, old.source, old.readable) == ("flowers", older, str(drop), True)
    images = lake.version(IMAGES)

    again = take(lake, drop, "" if named else older)
    assert (again.fresh, again.rows_in, again.rows_kept) == (True, 5, 5)
    assert again.delivery != older
    assert admit(lake, "flowers", settings=LIMITS)[1].success
    assert admitted_deliveries(lake) == [again.delivery]
    assert old_readings(lake) == []
    assert len(targets(lake)) == 4
    assert "A dog." not in targets(lake)
    judged = lake.read(PREFERENCES, where={"delivery": again.delivery}).to_pylist()
    assert [(row["response"], row["label"]) for row in judged] == [("A dog.", "bad")]
    assert lake.version(IMAGES) == images, "no image is stored again"
    row = lake.read(DROPS, where={"delivery": again.delivery}).to_pylist()[-1]
    assert (row["state"], row["reading"], row["rereads"]) == ("admitted", READING, older)

    before = everything(lake)
    assert not take(lake, drop).fresh
    assert everything(lake) == before, "what is of the present reading is left alone"


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_files_that_changed_since_are_not_read_unasked(lake: Lake, drop: Path):
    older = poisoned(lake, drop)
    (drop / "images" / "0.png").write_bytes((drop / "images" / "1.png").read_bytes())
    before = everything(lake)
    left = take(lake, drop, older)
    assert (left.delivery, left.fresh) == (older, False)
    assert everything(lake) == before
    assert [one.drop for one in old_readings(lake)] == ["flowers"], "and it goes on being said"
    assert take(lake, drop).fresh, "as a correction that somebody asked for it is read"


def test_a_lake_from_before_readings_were_counted_is_read_and_written(lake: Lake, tmp_path: Path):
    names = [field.name for field in DROPS.schema if field.name not in ("reading", "rereads")]
    old = TableSpec(DROPS.name, pa.schema([DROPS.schema.field(name) for name in names]), DROPS.partition_by)
    folder = make_drop(tmp_path / "drop", [])
    row = {"drop": "a", "delivery": "a-1", "source": str(folder)}
    files = pa.Table.from_pylist([{"delivery": "a-1", "file": "train.json"}], schema=DROP_FILES.schema)
    lake.write(DROP_FILES, files, partition={}, once="a-1")
    lake.log(old, lambda log: [row | {"state": state} for state in ("arrived", "admitted")])
    (reading,) = old_readings(lake)
    assert (reading.delivery, reading.readable) == ("a-1", True)
    assert reading.line.startswith("drop 'a' was read by an older reader (rows could be mistaken")
    arrive(lake, "a", "a-2")
    admit(lake, "a", settings=LIMITS)
    assert old_readings(lake) == []
    assert [row["reading"] for row in lake.read(DROPS).to_pylist()] == [None, None, READING, READING, None]


@pytest.mark.parametrize("same", [True, False])
def test_a_rejected_reading_leaves_no_older_one_of_the_same_bytes(lake: Lake, same: bool):
    arrive(lake, "a", "a-1", reading=READING - 1)
    admit(lake, "a", settings=LIMITS)
    arrive(lake, "a", "a-2", broken=4, rereads="a-1" if same else None)
    assert not admit(lake, "a", settings=LIMITS)[1].success
    assert admitted_deliveries(lake) == ([] if same else ["a-1"])
    assert [one.readable for one in old_readings(lake)] == ([] if same else [False])


def test_a_folder_that_lacks_a_file_or_is_being_filled_is_left_alone(drop: Path):
    names = ["train.json", "judged.jsonl"]
    assert still_holds(str(drop), names)
    (drop / "more.jsonl.part").touch()
    assert not still_holds(str(drop), names)
    (drop / "more.jsonl.part").unlink()
    (drop / "judged.jsonl").unlink()
    assert not still_holds(str(drop), names)
    assert not still_holds(str(drop / "gone"), [])
    assert not still_holds("s3://bucket/drop", []), "a store is asked only where somebody names it"
    assert not still_holds("", [])
