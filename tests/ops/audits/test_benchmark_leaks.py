"""Benchmark leaks: a shared image is told from a shared question about it, and long texts from short ones."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageOps

from ops.audits.benchmark_leaks import AUDIT, BenchmarkLeakSettings, measure
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable
from ops.intake.drop_files import DropError
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings

LONG = "Which of the four countries in the chart had the highest share of renewable energy in 2015 and by how much"


def encoded(image: Image.Image, kind: str) -> bytes:
    kept = io.BytesIO()
    image.save(kept, kind)
    return kept.getvalue()


def picture(colour: str) -> bytes:
    return encoded(Image.new("RGB", (32, 32), colour), "PNG")


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "seen"
    (folder / "images").mkdir(parents=True)
    for colour in ("red", "blue"):
        (folder / "images" / f"{colour}.png").write_bytes(picture(colour))
    rows = [
        {"id": "q1", "image": "red.png", "conversations": turns("<image>\nIs there a cat?", "no")},
        {"id": "q2", "image": "blue.png", "conversations": turns(f"<image>\n{LONG}?", "Norway")},
    ]
    (folder / "questions.json").write_text(json.dumps(rows))
    text = tmp_path / "text"
    text.mkdir()
    (text / "questions.json").write_text(
        json.dumps([{"id": "t1", "conversations": turns(f"Please say: {LONG}?", "x")}])
    )
    return {"seen": str(folder), "text": str(text)}


def turns(asked: str, answered: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": asked}, {"from": "gpt", "value": answered}]


def pictures(*stored: bytes) -> PictureTable:
    """What ingest finds in the pixels of these images."""
    rows = [{"image_id": image_id(data), **asdict(check_image(data, IngestSettings()))} for data in stored]
    return PictureTable.of(pa.Table.from_pylist(rows, schema=IMAGES.schema))


def measured(
    settings: BenchmarkLeakSettings,
    *examples: tuple[str, str | None],
    stored: Mapping[str, bytes] | None = None,
    images: Vectors | None = None,
    texts: Vectors | None = None,
) -> list[dict[str, Any]]:
    rows = [
        {
            "delivery": "d-1",
            "example_id": f"{n}",
            "kind": "sft",
            "image_ids": [image_id((stored or {}).get(colour) or picture(colour))] if colour else [],
            "messages": [
                {"role": "user", "parts": [{"type": "text", "text": asked, "image_id": None}]},
                {"role": "assistant", "parts": [{"type": "text", "text": "no", "image_id": None}]},
            ],
        }
        for n, (asked, colour) in enumerate(examples)
    ]
    none = Vectors.of([], np.zeros((0, 0)))
    table = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    known = pictures(*(stored or {}).values())
    inputs = RowInputs(table, images or none, texts or none, none, none, pictures=known)
    return measure(inputs, settings).to_pylist()


def test_image_and_question_are_a_leak_and_an_image_alone_is_not(sets: dict[str, str]):
    rows = measured(
        BenchmarkLeakSettings(sets={"seen": sets["seen"]}),
        ("is there a  CAT", "red"),
        ("How many dogs are there?", "red"),
        ("Is there a cat?", "green"),
        ("What is this?", None),
    )
    leaks = [(r["item"], r["shares_image"], r["shares_question"], r["is_leak"], r["items"]) for r in rows]
    assert leaks == [
        ("q1", True, True, True, 1),
        ("q1", True, False, False, 1),
        ("q1", False, True, False, 1),
        (None, False, False, False, 0),
    ]
    assert rows[0]["ngram_share"] is None


def test_an_image_stored_anew_is_recognised_by_its_looks(sets: dict[str, str]):
    """Scaled and in another format; of another colour it is another picture, though the hash sees no colour."""
    small = {
        colour: encoded(Image.open(io.BytesIO(picture(colour))).resize((24, 24)), "BMP") for colour in ("red", "green")
    }
    settings = BenchmarkLeakSettings(sets={"seen": sets["seen"]})
    asked = [("Is there a cat?", "red"), ("How many dogs are there?", "red"), ("Is there a cat?", "green")]
    rows = measured(settings, *asked, stored=small)
    assert [(r["item"], r["shares_image"], r["image_bits"], r["is_leak"]) for r in rows] == [
        ("q1", True, 0, True),
        ("q1", True, 0, False),
        ("q1", False, None, False),
    ]


@pytest.mark.parametrize(("cosine", "turned_distance"), [(0.97, 12), (0.85, 12), (0.97, 0)])
def test_an_image_and_a_question_alike_by_their_vectors(tmp_path: Path, cosine: float, turned_distance: int):
    """The picture is mirrored: its own hash is far off, and only the turned one is near."""
    blocks = np.random.default_rng(5).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((240, 180), Image.Resampling.BICUBIC)
    theirs = encoded(ImageOps.mirror(image), "JPEG")
    (tmp_path / "mirrored.jpg").write_bytes(theirs)
    row = {"id": "q1", "image": "mirrored.jpg", "conversations": turns("<image>\nIs there a cat?", "no")}
    (tmp_path / "questions.json").write_text(json.dumps([row]))
    asked = {
        "Is there any cat to be seen?": [0.99, 0.141],
        "Do you see a cat?": [0.99, 0.141],
        "Are there two cats?": [1.0, 0.0],
        "Is there a dog?": [0.0, 1.0],
        "Is there a cat?": [1.0, 0.0],
    }
    vectors = {
        "texts": Vectors.of([text_id(text) for text in asked], np.array(list(asked.values()))),
        "images": Vectors.of(
            [image_id(theirs), image_id(encoded(image, "PNG"))], np.array([[1, 0], [cosine, (1 - cosine**2) ** 0.5]])
        ),
    }
    settings = BenchmarkLeakSettings(sets={"seen": str(tmp_path)}, turned_distance=turned_distance)
    questions = [(text, "own") for text in asked]
    rows = measured(settings, *questions, stored={"own": encoded(image, "PNG")}, **vectors)
    is_alike = cosine > 0.9 and turned_distance > 0
    # "any" and "two" decide an answer, whatever the vectors say.
    assert [row["is_leak"] for row in rows] == [False, is_alike, False, False, is_alike]
    assert not any(row["shares_image"] for row in rows)
    if is_alike:
        assert [row["image_cosine"] for row in rows] == pytest.approx([cosine] * 5, abs=1e-3)
        assert rows[1]["question_cosine"] == pytest.approx(0.99, abs=2e-3)
        assert rows[4]["shares_question"]
    else:
        assert {row["image_cosine"] for row in rows} == {None}


def test_long_texts_are_compared_by_their_ngrams(sets: dict[str, str]):
    settings = BenchmarkLeakSettings(sets=sets)
    same, cut, other = measured(
        settings,
        (f"Look closely. {LONG}? Answer with one word.", "blue"),
        (" ".join(LONG.split()[:14]), "blue"),
        ("A short question about a chart?", "green"),
    )
    assert (same["benchmark"], same["item"], same["is_leak"]) == ("seen", "q2", True)
    assert same["ngram_share"] == 1.0
    assert same["items"] == 2
    assert 0 < cut["ngram_share"] < 0.5
    assert not cut["is_leak"]
    assert other["items"] == 0


def test_a_text_question_leaks_without_an_image(sets: dict[str, str]):
    (row,) = measured(BenchmarkLeakSettings(sets={"text": sets["text"]}), (f"{LONG}?", "green"))
    assert (row["benchmark"], row["is_leak"], row["shares_image"]) == ("text", True, False)


def test_a_changed_set_is_measured_anew(sets: dict[str, str]):
    before = BenchmarkLeakSettings(sets=sets)
    path = Path(sets["text"]) / "questions.json"
    path.write_text(json.dumps([{"id": "t2", "conversations": turns("Something else entirely?", "x")}]))
    after = BenchmarkLeakSettings(sets=sets)
    assert AUDIT.identity(before) != AUDIT.identity(after)
    assert AUDIT.identity(after) == AUDIT.identity(BenchmarkLeakSettings(sets=sets))


def test_a_set_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(DropError):
        BenchmarkLeakSettings(sets={"gone": str(tmp_path / "gone")})
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(DropError):
        measured(BenchmarkLeakSettings(sets={"notes": str(tmp_path)}), ("x", None))
