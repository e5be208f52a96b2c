"""The benchmarks that count how right audits are, on deliveries with next to nothing in them."""

import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from benchmarks import audit_accuracy, claims_accuracy, duplicates_accuracy, leaks_accuracy, preference_accuracy
from benchmarks.audit_accuracy import Embeddings, Ledger, PicturedTurns
from ops.audits.benchmark_leaks import AUDIT as LEAKS
from ops.audits.semantic_duplicates import AUDIT as DUPLICATES
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

pytestmark = pytest.mark.full

DELIVERIES = ("empty", "one row", "text alone", "images alone")


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    return Embeddings(load_encoder(EncoderSettings()), tmp_path_factory.mktemp("embeddings"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        squares = np.random.default_rng(n).integers(0, 256, (5, 6, 3)).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(squares.astype(np.uint8)).save(path)
    return paths


def claimed_texts(delivery: str, pictures: list[Path]) -> list[tuple[Path | None, str, str]]:
    """Picture, question and answer of each row."""
    return {
        "empty": [],
        "one row": [(pictures[0], "What colour is the car?", "red")],
        "text alone": [(None, f"What is {n} + 1?", f"{n + 1}") for n in range(3)],
        "images alone": [(picture, "What do you see?", "") for picture in pictures],
    }[delivery]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_audit_accuracy(delivery: str, pictures: list[Path], embeddings: Embeddings) -> None:
    rows = [
        PicturedTurns(((query, answer),), picture, faulty=False)
        for picture, query, answer in claimed_texts(delivery, pictures)
    ]
    inputs = audit_accuracy.inputs_of(rows, embeddings)
    ledger, faulty = Ledger(), np.zeros(len(rows), dtype=bool)
    for name in audit_accuracy.AUDITS:
        measures = audit_accuracy.measured(name, inputs)
        assert set(measures["row"]) <= set(range(len(rows)))
        ledger.add("nothing", name, np.ones(len(measures)), faulty[measures["row"]])
    raw = audit_accuracy.raw_cosine(inputs)
    assert np.isfinite(raw).tolist() == [row.picture is not None for row in rows]
    ledger.add("nothing", "raw", -raw, faulty)
    assert all(line.endswith("| none | none |") for line in list(ledger.rows())[2:])


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_claims_accuracy(delivery: str, pictures: list[Path], embeddings: Embeddings) -> None:
    claimed = [
        claims_accuracy.Conversation([(query, answer)], picture, {})
        for picture, query, answer in claimed_texts(delivery, pictures)
    ]
    inputs = claims_accuracy.inputs_of(claimed, embeddings, claims_accuracy.Places(embeddings))
    verdicts = claims_accuracy.Verdicts()
    for kind in ("colour", "count", "presence"):
        verdicts.add(kind, claims_accuracy.claims_of(claimed, kind, inputs))
    claims = sum(sum(counts.values()) for counts in verdicts.counts.values())
    assert claims == (1 if delivery == "one row" else 0)
    assert len(list(verdicts.rows())) == 5


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_duplicates_accuracy(delivery: str, pictures: list[Path], embeddings: Embeddings, spark: SparkSession) -> None:
    claims = [
        duplicates_accuracy.Conversation(picture, query, answer, "photo", (query,))
        for picture, query, answer in claimed_texts(delivery, pictures)
    ]
    duplicates = duplicates_accuracy.duplicates(spark, claims, embeddings, DUPLICATES.settings)
    assert duplicates == {}
    assert duplicates_accuracy.figures("as it is", claims, duplicates).count(" of ") == 7


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_leaks_accuracy(delivery: str, pictures: list[Path], embeddings: Embeddings, tmp_path: Path) -> None:
    leaks_accuracy.write_set(tmp_path / "set", [(pictures[0].name, ["car"])], pictures[0].parent)
    settings = replace(LEAKS.settings, sets={"set": str(tmp_path / "set")})
    rows = claimed_texts(delivery, pictures)
    asked = [leaks_accuracy.Asked(picture, query, "leak") for picture, query, _ in rows]
    leaking = leaks_accuracy.leaking(asked, tmp_path / "set", settings, embeddings)
    # The set spells "color", so that vectors alone tell.
    assert [leaks.tolist() for leaks in leaking] == [[delivery == "one row"] * len(rows), [False] * len(rows)]


def folder_of(root: Path, pictures: list[Path], count: int) -> Path:
    """A folder of photos with captions and boxes."""
    (root / "images").mkdir(parents=True)
    lines: dict[str, list[str]] = {"captions": [], "objects": []}
    for picture in pictures[:count]:
        name = f"images/{picture.name}"
        (root / name).write_bytes(picture.read_bytes())
        box = {"category": "car", "bbox_xywh_px": [1, 1, 20, 20], "iscrowd": 0}
        lines["captions"].append(
            json.dumps({"image": name, "captions": ["A red car stands by a tree.", "A car by a tree."]})
        )
        about = {"image": name, "width": 48, "height": 40, "objects": [box, box | {"category": "tree"}]}
        lines["objects"].append(json.dumps(about))
    for name, written in lines.items():
        (root / f"{name}.jsonl").write_text("\n".join(written))
    return root


@pytest.mark.parametrize("count", [0, 1])
def test_photos_of_which_there_are_hardly_any(
    count: int, pictures: list[Path], embeddings: Embeddings, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "photos", pictures, count)
    ledger, rng = Ledger(), Random(0)  # noqa: S311 - a seeded measurement
    audit_accuracy.photo_captions(folder, rng, embeddings, ledger)
    audit_accuracy.descriptions(folder, rng, embeddings, ledger)
    assert list(ledger.rows())
    for kind in ("colour", "count", "presence"):
        claims = claims_accuracy.photos(folder, rng, kind, 0.1)
        assert bool(claims) == bool(count)
    assert list(claims_accuracy.pointing(folder, claims_accuracy.Places(embeddings)))
    for half in (0, 1):
        made = list(duplicates_accuracy.corpus(folder, half, "mirrored", tmp_path))
        known = leaks_accuracy.photos_of(folder, half)
        asked = list(leaks_accuracy.examples_of(known, folder, "mirrored", tmp_path))
        assert {one.kind for one in made} <= {"photo", "positive", "another question", "number, colour or side"}
        assert {one.kind for one in asked} <= {"leak", "another thing", "another question"}


def curves(spark: SparkSession, asked: Namespace) -> Iterator[dict]:
    yield preference_accuracy.contradiction_curve(spark, asked, 1.0)
    yield preference_accuracy.rater_curve(spark, asked, 0.1)
    yield preference_accuracy.leak_curve(spark, asked, 1.0)
    yield preference_accuracy.caption_curve(spark, asked)
    yield preference_accuracy.soft_curve(spark, asked)
    yield preference_accuracy.likeness_curve(spark, asked)


@pytest.mark.parametrize("count", [0, 1])
def test_preference_accuracy(
    count: int, pictures: list[Path], embeddings: Embeddings, spark: SparkSession, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "photos", pictures, count)
    asked = Namespace(queries=count, seed=11, half="tuning", photos=folder, embeddings=embeddings)
    for curve in curves(spark, asked):
        assert "NaN" not in json.dumps(curve)
