"""Boxes of an exported version are on the scale that its trainer reads, in the same places."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from ops.core.schemas import BOXES, EXAMPLES
from ops.decision.policy import Policy
from ops.exports.contract import ExportError
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.exported import publish_version
from tests.support.measured import measure_difficulty

pytestmark = pytest.mark.usefixtures("ray_session")
WIDTH, HEIGHT = 640, 480
PLACES = [(64, 48, 320, 240), (0, 0, 640, 480), (320, 120, 480, 360), (100, 200, 300, 400)]
SIDES = ("left", "top", "right", "bottom")
WRITTEN = {
    "thousand": "<ref>a cat</ref><box>({0:.0f},{1:.0f}),({2:.0f},{3:.0f})</box>",
    "unit": "It is at [{0:.3f}, {1:.3f}, {2:.3f}, {3:.3f}].",
}


def rows() -> list[tuple[str, dict[str, Any]]]:
    """Rows of the same places in thousandths, shares and pixels, a pair, and one whose image nothing tells."""
    made: list[tuple[str, dict[str, Any]]] = []
    for number, place in enumerate(PLACES):
        shares = [place[0] / WIDTH, place[1] / HEIGHT, place[2] / WIDTH, place[3] / HEIGHT]
        for name, factor in (("thousand", 1000), ("unit", 1)):
            answer = WRITTEN[name].format(*(share * factor for share in shares))
            made.append((name, row(f"{name}-{number}", answer)))
        objects = {"ref": ["a cat"], "bbox": [list(place)]}
        made.append(("pixels", row(f"pixels-{number}", "<ref-object><bbox>", objects=objects)))
    pair = row("pair", "<bbox>", objects={"bbox": [[64, 48, 320, 240]]}, rejected_response="<bbox> ?")
    two = row("two", WRITTEN["thousand"].format(1, 2, 3, 4)) | {"images": ["a.png", "a.png"]}
    two["messages"][0]["content"] = "<image><image>Where?"
    return [*made, ("pair", pair), ("two", two)]


def row(name: str, answer: str, **more: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": f"<image>Where is it? {name}"}
    return {"id": name, "messages": [asked, {"role": "assistant", "content": answer}], "images": ["a.png"], **more}


def read(lake: Lake, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The boxes of an exported folder by the id that their row had at first."""
    ingest(lake, folder, "drop", settings=IngestSettings(), progress=SilentProgress())
    examples = lake.read(EXAMPLES).to_pylist()
    names = {example["example_id"]: json.loads(example["metadata"])["source_id"] for example in examples}
    boxes: dict[str, list[dict[str, Any]]] = {}
    for box in lake.read(BOXES).sort_by("ordinal").to_pylist():
        boxes.setdefault(names[box["example_id"]], []).append(box)
    return boxes


@pytest.fixture(scope="module")
def boxed(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("boxed")
    (root / "drop").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT), (90, 20, 60)).save(root / "drop" / "a.png")
    for name in {name for name, _ in rows()}:
        lines = [json.dumps(item) for file, item in rows() if file == name]
        (root / "drop" / f"{name}.jsonl").write_text("\n".join(lines))
    lake = Lake(root / "lake")
    taken = ingest(lake, root / "drop", "drop", settings=IngestSettings(), progress=SilentProgress())
    measure_difficulty(lake, taken.delivery)
    publish_version(lake, [taken.delivery], Policy())
    return lake


def corners(box: dict[str, Any]) -> list[float]:
    return [box[side] for side in SIDES]


@pytest.mark.full
def test_boxes_are_read_back_where_they_were_on_the_scale_asked_for(boxed: Lake, tmp_path: Path):
    scales = {"thousand": "trl", "pixels": "ms_swift", "qwen2.5-vl 3136-1003520": "qwen_vl"}
    for number, (scale, name) in enumerate(scales.items()):
        out = tmp_path / str(number)
        done = export_version(boxed, 1, to=name, folder=out, boxes=scale, progress=SilentProgress())
        reason = f"a box whose scale or image is not known cannot be written as {scale}"
        assert {reason: done.left_out.get(reason, 0)} == {reason: int(scale != "thousand")}
        (out / "drop.yaml").write_text(f"boxes: {scale}")
        boxes = read(Lake(tmp_path / f"lake-{number}"), out)
        for source, place in {f"thousand-{n}": place for n, place in enumerate(PLACES)}.items():
            (box,) = boxes[source]
            assert box["convention"] == scale
            assert corners(box) == pytest.approx(place, abs=0.7), (name, source)  # delivered in thousandths, rounded


def test_turned_boxes_and_weighed_judgements_are_left_out_by_name(tmp_path: Path):
    (tmp_path / "drop").mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for name, kept in (("up.jpg", Image.Exif()), ("lying.jpg", exif)):
        Image.new("RGB", (WIDTH, HEIGHT), (9, 90, 60)).save(tmp_path / "drop" / name, exif=kept)
    boxes = {"ref": ["a cat"], "bbox": [[64, 48, 320, 240]]}
    lines = [
        row(name, "<ref-object><bbox>", objects=boxes) | {"images": [name]} for name in ("up.jpg", "lying.jpg")
    ] + [row("text", "There.") | {"images": ["lying.jpg"]}]
    judged = row("judged", "There.", label=True)
    judged["messages"][1]["loss_scale"] = 0.5
    (tmp_path / "drop" / "judged.jsonl").write_text(json.dumps(judged | {"images": ["up.jpg"]}))
    (tmp_path / "drop" / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    lake = Lake(tmp_path / "lake")
    taken = ingest(lake, tmp_path / "drop", "drop", settings=IngestSettings(), progress=SilentProgress())
    measure_difficulty(lake, taken.delivery)
    publish_version(lake, [taken.delivery], Policy())
    reason = "a box in a picture that EXIF turns and the trainer does not cannot be written as"
    weighed = {"a judged answer has a loss weight of its own, which no format can say": 1}
    for to, scale, left_out in (
        ("ms_swift", None, {f"{reason} objects": 1}),
        ("llama_factory", "thousand", {f"{reason} thousand": 1}),
        ("llama_factory", None, {}),
        ("trl", "thousand", {}),
        ("hf", "thousand", {}),
    ):
        out = tmp_path / f"{to}-{scale}"
        done = export_version(lake, 1, to=to, folder=out, boxes=scale, progress=SilentProgress())
        assert done.left_out == {**left_out, **weighed}, to


def texts(folder: Path) -> dict[str, str]:
    return {item["id"]: item["conversations"][-1]["value"] for item in json.loads((folder / "train.json").read_text())}


def test_llava_gets_shares_of_the_sides_and_delivered_leaves_all_as_it_came(boxed: Lake, tmp_path: Path):
    ids = {e["source_id"]: e["example_id"] for e in boxed.read(EXAMPLES).to_pylist()}
    export_version(boxed, 1, to="llava", folder=tmp_path / "own", progress=SilentProgress())
    own = texts(tmp_path / "own")
    assert own[ids["pixels-0"]] == "a cat[0.1, 0.1, 0.5, 0.5]"
    assert own[ids["thousand-1"]] == "<ref>a cat</ref><box>(0,0),(1,1)</box>"
    assert own[ids["unit-2"]] == "It is at [0.500, 0.250, 0.750, 0.750]."
    assert ids["two"] not in own
    done = export_version(boxed, 1, to="llava", folder=tmp_path / "as", boxes="delivered", progress=SilentProgress())
    delivered = texts(tmp_path / "as")
    assert delivered[ids["pixels-0"]] == "a cat[64, 48, 320, 240]"
    assert delivered[ids["two"]] == "<ref>a cat</ref><box>(1,2),(3,4)</box>"
    assert "boxes" not in json.loads((tmp_path / "as" / "manifest.json").read_text())["export"]
    assert done.rows == {"sft": 13}
    with pytest.raises(ExportError, match="'percent': not delivered, pixels, unit, thousand"):
        export_version(boxed, 1, to="llava", folder=tmp_path / "no", boxes="percent", progress=SilentProgress())


def test_both_sides_of_a_pair_are_written(boxed: Lake, tmp_path: Path):
    export_version(boxed, 1, to="jsonl", folder=tmp_path / "out", boxes="thousand", progress=SilentProgress())
    (line,) = [
        json.loads(line)
        for path in (tmp_path / "out").rglob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
        if json.loads(line)["source_id"] == "pair"
    ]
    assert sorted(re.findall(r"\[100, 100, 500, 500\][ ?]*", json.dumps(line))) == [
        "[100, 100, 500, 500]",
        "[100, 100, 500, 500] ?",
    ]
