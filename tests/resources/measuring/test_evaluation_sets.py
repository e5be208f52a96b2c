"""Evaluation sets beside a delivery, on a real Ray, a real lake and the encoder that ships: images that were cropped or
mirrored, and questions in other words."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from ops.audits.benchmark_leaks import BenchmarkLeakSettings
from ops.audits.registry import all_audits
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from ops.demo.pictures import load_pictures
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EncoderSettings
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.examples import wanted_texts
from resources.models.embedding import embed_delivery
from resources.models.encoder_source import encoder_identity

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]
CPU = EncoderSettings(device="cpu")
ENCODER = encoder_identity(CPU)


def cropped(picture: Image.Image) -> Image.Image:
    """Without a twentieth of its width and height."""
    across, down = picture.width // 40, picture.height // 40
    return picture.crop((across, down, picture.width - across, picture.height - down))


CHANGES = {"cropped": cropped, "mirrored": ImageOps.mirror}


def saved(folder: Path, rows: list[tuple[str, Image.Image, str, str]]) -> Path:
    """A folder in LLaVA's format: source id, picture, question, answer."""
    (folder / "images").mkdir(parents=True)
    reports = []
    for name, picture, asked, answered in rows:
        picture.convert("RGB").save(folder / "images" / f"{name}.jpg", quality=80)
        turns = [{"from": "human", "value": f"<image>\n{asked}"}, {"from": "gpt", "value": answered}]
        reports.append({"id": name, "image": f"{name}.jpg", "conversations": turns})
    (folder / "rows.json").write_text(json.dumps(reports))
    return folder


def leaks(lake: Lake, delivery: str, settings: Settings) -> dict[str, dict[str, Any]]:
    """The audit's rows by source id."""
    measure_delivery(
        lake, delivery, names=["benchmark_leaks"], settings=settings, encoder=ENCODER, progress=SilentProgress()
    )
    identity = all_audits()["benchmark_leaks"].identity(
        settings.audit("benchmark_leaks"), ENCODER, settings.embedding.bank_size
    )
    names = {row["example_id"]: row["source_id"] for row in lake.read(EXAMPLES).to_pylist()}
    rows = lake.read(all_audits()["benchmark_leaks"].table, where={"identity": identity}).to_pylist()
    return {names[row["example_id"]]: row for row in rows}


def taken(lake: Lake, drop: Path) -> str:
    """The drop, ingested and embedded."""
    delivery = ingest(lake, drop, "drop", settings=IngestSettings(), progress=SilentProgress()).delivery
    settings = load_settings()
    embed_delivery(
        lake,
        delivery,
        texts=partial(wanted_texts, lake),
        settings=CPU,
        embedding=settings.embedding,
        progress=SilentProgress(),
    )
    return delivery


def with_sets(**sets: Path) -> Settings:
    shipped = load_settings()
    chosen = BenchmarkLeakSettings(sets={name: str(path) for name, path in sets.items()})
    return replace(shipped, encoder=CPU, audits={**shipped.audits, "benchmark_leaks": chosen})


def test_photos_cropped_and_mirrored_are_found_by_their_vectors(tmp_path: Path, photos: Path) -> None:
    paths = sorted((photos / "images").iterdir())[:4]
    pictures = [Image.open(path).convert("RGB") for path in paths]
    asked = "What color is the car in the picture?"
    rows = [(f"same-{n}", picture, asked, "red") for n, picture in enumerate(pictures[:3])]
    rows += [(f"other-{n}", picture, "How many people are there?", "2") for n, picture in enumerate(pictures[:3])]
    rows.append(("unseen", pictures[3], asked, "red"))
    drop = saved(tmp_path / "drop", rows)
    items = [
        (f"{name}-{n}", change(picture), "What colour is the car?", "red")
        for n, picture in enumerate(pictures[:3])
        for name, change in CHANGES.items()
    ]
    lake = Lake(tmp_path / "lake")
    delivery = taken(lake, drop)
    before = lake.version(EMBEDDINGS)
    plain = leaks(lake, delivery, replace(load_settings(), encoder=CPU))
    assert lake.version(EMBEDDINGS) == before, "without a set nothing is embedded"
    assert not any(row["is_leak"] or row["items"] for row in plain.values())

    settings = with_sets(seen=saved(tmp_path / "seen", items))
    measures = leaks(lake, delivery, settings)
    assert {name for name, row in measures.items() if row["is_leak"]} == {"same-0", "same-1", "same-2"}
    for n in range(3):
        row = measures[f"same-{n}"]
        assert row["image_cosine"] >= 0.9
        assert 0.9 <= row["question_cosine"] < 1
        assert not row["shares_question"]
        assert row["item"].endswith(f"-{n}")
        alone = measures[f"other-{n}"]
        assert alone["question_cosine"] is None
        assert alone["image_cosine"] >= 0.9
    assert measures["unseen"]["items"] == 0
    embedded = lake.version(EMBEDDINGS)
    assert embedded > before
    again = with_sets(seen=tmp_path / "seen")
    assert leaks(lake, delivery, again) == measures
    assert lake.version(EMBEDDINGS) == embedded, "a set is embedded once"


def test_other_drawings_under_the_same_question_are_no_leaks(tmp_path: Path) -> None:
    """Their vectors have cosines of up to 0.998; the hashes tell them apart."""
    drawn = [(one.path.stem, Image.open(one.path)) for one in load_pictures()[:60]]
    asked = "what shape is in the image?"
    rows = [(f"drawing-{name}", picture, asked, "circle") for name, picture in drawn]
    lake = Lake(tmp_path / "lake")
    delivery = taken(lake, saved(tmp_path / "drop", rows[:40]))
    measures = leaks(lake, delivery, with_sets(seen=saved(tmp_path / "seen", rows[40:])))
    leaked = [row for row in measures.values() if row["is_leak"]]
    assert all(row["shares_question"] for row in measures.values() if row["items"])
    assert len(leaked) <= 2
