"""How well `text_share` (ops.vision.image_complexity) tells photos with writing from the same without, and what it
costs.

    .venv/bin/python -m benchmarks.written_text --photos ../shared/data/photos --fonts DejaVuSans.ttf DejaVuSerif.ttf

51 photos in two halves by the hash of their names: the constants were chosen on the first (`--half 0`), figures are
reported for the second, with other fonts. Into each photo four lines of its captions are drawn, black or white,
whichever stands out, at several sizes; both are stored as JPEG and looked at by the ingest's own code. The area under
the ROC curve (AUROC) compares written photos with all plain ones; it and the share of photos whose figure rises when
they are written on come with the 95 % interval of 400 bootstrap draws of photos, and Wilson's. Some photos hold writing
of their own, which counts against it here. Pictures of easy-VQA, which hold none, come last.
"""

import argparse
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.claims_accuracy import with_interval
from ops.core.accuracy import auroc
from ops.core.identity import digest
from ops.demo.pictures import load_pictures
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings

_SIZES = (10, 12, 14, 20, 28, 40)
_LINES = 4
_DRAWS = 400


def written_on(photo: Image.Image, text: str, size: int, font: str, rng: Random) -> Image.Image:
    """The photo with lines of text somewhere on it, across about two thirds of its width."""
    picture = photo.copy()
    pen = ImageDraw.Draw(picture)
    letters = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
    height = round(_LINES * size * 1.3)
    place = rng.randrange(5, max(6, picture.width // 4)), rng.randrange(5, max(6, picture.height - height - 5))
    words = (text.split() * 8)[: _LINES * max(1, round(picture.width / (size * 5)))]
    lines = [" ".join(part) for part in np.array_split(words, _LINES)]
    ground = np.asarray(picture.convert("L"))[place[1] : place[1] + height, place[0] : place[0] + picture.width // 2]
    for at, line in enumerate(lines):
        ink = (0, 0, 0) if ground.mean() > 127 else (255, 255, 255)
        pen.text((place[0], place[1] + at * size * 1.3), line, fill=ink, font=letters)
    return picture


def shares(pictures: Sequence[Image.Image]) -> np.ndarray:
    """`text_share` of each picture, stored as JPEG."""
    return np.array([check_image(_jpeg(picture), IngestSettings()).text_share for picture in pictures])


def _jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return stream.getvalue()


def row(name: str, written: np.ndarray, plain: np.ndarray) -> str:
    """A line of the table."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(plain), len(plain)) for _ in range(_DRAWS)]
    low, high = np.quantile([auroc(written[at], plain[at]) or 0.0 for at in drawn], [0.025, 0.975])
    risen = with_interval(int((written > plain).sum()), len(plain))
    figure = auroc(written, plain) or 0.0
    return f"| {name} | {figure:.3f} ({low:.3f} to {high:.3f}) | {risen} | {written.mean():.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--fonts", nargs="*", default=[], help="TrueType files, beside Pillow's own font")
    options = parser.parse_args()
    lines = [json.loads(line) for line in (options.photos / "captions.jsonl").read_text("utf-8").splitlines()]
    known = [line for line in lines if int(digest(line["image"])[:8], 16) % 2 == options.half]
    photos = [Image.open(options.photos / line["image"]).convert("RGB") for line in known]
    plain = shares(photos)
    print("| writing | AUROC | photos whose figure rises | mean |\n|---|---|---|---|")
    print(f"| none | | | {plain.mean():.3f} |")
    for size in _SIZES:
        for font in ("", *options.fonts):
            rng = Random(size)  # noqa: S311 - a seeded measurement
            rows = [
                written_on(photo, " ".join(line["captions"]), size, font, rng)
                for photo, line in zip(photos, known, strict=True)
            ]
            print(row(f"{size} px, {Path(font).stem or 'the default font'}", shares(rows), plain), flush=True)
    drawings = shares([Image.open(one.path).convert("RGB") for one in load_pictures()])
    print(f"\neasy-VQA, nothing written: {with_interval(int((drawings > 0).sum()), len(drawings))} above 0")
    stored = [_jpeg(photo) for photo in photos]
    started = time.perf_counter()
    for data in stored:
        check_image(data, IngestSettings())
    print(f"the whole check of a photo: {(time.perf_counter() - started) / len(stored) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
