"""Canaries whose texts and boxes are new: what the delivery has no vector of is embedded, and pixels contradict it."""

import json
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ops.canaries.damage import ROWS_EACH
from ops.canaries.rows import MARK
from ops.core.measure_schemas import CANARIES, EMBEDDINGS
from ops.core.schemas import EXAMPLES
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.examples import wanted_texts
from resources.models.embedding import embed_delivery

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 40), "blue": (20, 40, 220), "yellow": (240, 220, 30)}
ROWS = 80


def drop(folder: Path) -> Path:
    """Rows about discs on white: half of them say the colour, half where the disc is."""
    (folder / "images").mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for number in range(ROWS):
        name, left, top = list(COLOURS)[number % 4], 10 + number, 12 + number // 2
        picture = Image.new("RGB", (240, 180), "white")
        ImageDraw.Draw(picture).ellipse((left, top, left + 60, top + 60), fill=COLOURS[name])
        picture.save(folder / f"images/{number}.png")
        place = json.dumps([{"bbox_2d": [left, top, left + 60, top + 60], "label": "disc"}])
        asked = ("What color is the shape?", name) if number % 2 else ("Where is the disc?", place)
        turns = [{"from": "human", "value": f"<image>\n{asked[0]}"}, {"from": "gpt", "value": asked[1]}]
        rows.append({"id": f"{number}", "image": f"images/{number}.png", "conversations": turns})
    (folder / "rows.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_false_colours_and_damaged_boxes_are_found(tmp_path: Path) -> None:
    lake, settings, progress = Lake(tmp_path / "lake"), load_settings(), SilentProgress()
    delivery = ingest(lake, drop(tmp_path / "drop"), "discs", settings=settings.ingest, progress=progress).delivery
    counts = embed_delivery(
        lake,
        delivery,
        texts=partial(wanted_texts, lake),
        settings=settings.encoder,
        embedding=settings.embedding,
        progress=progress,
    )
    measure_delivery(lake, delivery, names=["boxes"], settings=settings, encoder=counts.encoder, progress=progress)
    rows = {(row["fault"], row["audit"]): row for row in lake.read(CANARIES).to_pylist()}
    each = ROWS // 2 // ROWS_EACH
    figures = {key: (row["planted"], row["caught"], row["flagged"]) for key, row in rows.items()}
    assert figures["false_colour", "claims"] == (each, each, 0)
    for fault in ("box_empty", "box_outside", "box_swapped", "box_twice"):
        assert figures[fault, "boxes"] == (each, each, 0), fault
    assert figures["blind_questions", "visual_necessity"][0] == ROWS // ROWS_EACH
    # The questions that tell their answers had no vector.
    texts = lake.read(EMBEDDINGS, where={"modality": "text"}).num_rows
    assert texts > counts.texts_new
    assert not [i for i in lake.read(EXAMPLES)["example_id"].to_pylist() if str(i).startswith(MARK)]
