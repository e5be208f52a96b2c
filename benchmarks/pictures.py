"""The pictures of docs/measures.md: of each audit that looks for a planted fault, an example that it caught and one
that it did not, drawn from what `make demo` left.

    make demo && .venv/bin/python -m benchmarks.pictures demo/lake demo/planted.jsonl docs/pictures
"""

import io
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.version_schemas import VERDICTS
from ops.demo.faults import FAULTS, Planted, read_planted
from ops.intake.image_checks import decode_rgb
from resources.lake.tables import Lake
from resources.versions.publishing import current_version

_PANEL, _PICTURE, _LINE, _MARGIN = (460, 300), 120, 17, 12
_INK, _RED, _GREY = (30, 30, 30), (176, 40, 30), (120, 120, 120)
_SHOWN_MEASURES = 5


def examples_of(lake: Lake, audit: Audit, planted: list[Planted]) -> Iterator[tuple[str, dict[str, Any], Planted]]:
    """The first planted example that the audit named in the current version, and the first that it did not."""
    version = current_version(lake)
    rows = lake.read(VERDICTS, where={"version": version}).to_pylist()
    named = {row["source_id"]: any(r["audit"] == audit.name for r in row["reasons"] or ()) for row in rows}
    verdicts = {row["source_id"]: row for row in rows}
    looked_for = sorted(
        (fault for fault in planted if fault.fault in audit.faults), key=lambda planting: planting.source_id
    )
    for label, wanted in (("caught", True), ("not caught", False)):
        fault = next((one for one in looked_for if named.get(one.source_id) is wanted), None)
        if fault:
            yield label, verdicts[fault.source_id], fault


def draw(lake: Lake, audit: Audit, label: str, verdict: dict[str, Any], fault: Planted) -> Image.Image:
    """One example: its picture, what is said of it, what was planted, what the audit measured."""
    key = {"example_id": verdict["example_id"]}
    example = lake.read(EXAMPLES, where=key).to_pylist()[0]
    panel = Image.new("RGB", _PANEL, "white")
    pen = ImageDraw.Draw(panel)
    image_ids = [i for i in example["image_ids"] if i][:1]
    if image_ids:
        data = lake.read(IMAGES, where={"image_id": image_ids[0]}, columns=["bytes"])["bytes"][0].as_py()
        panel.paste(decode_rgb(data).resize((_PICTURE, _PICTURE), Image.Resampling.NEAREST), (_MARGIN, 40))
    pen.text((_MARGIN, 10), f"{audit.name}: {label}", _INK if label == "caught" else _RED, ImageFont.load_default(16))
    left = _MARGIN + (_PICTURE + _MARGIN if image_ids else 0)
    texts = [line for message in example["messages"] for line in _lines(message, (_PANEL[0] - left) // 7)]
    write(pen, (left, 40), texts[: _PICTURE // _LINE + 1], _INK)
    below = [f"planted: {FAULTS[fault.fault].title.lower()}; {fault.detail}"[:130]]
    below += [f"{name}: {value}" for name, value in _measured(lake, audit, key)]
    lines = [part for line in below for part in textwrap.wrap(line, 62)]
    write(pen, (_MARGIN, 40 + _PICTURE + 2 * _MARGIN), lines, _GREY)
    return panel


def _lines(message: dict[str, Any], width: int) -> list[str]:
    text = " ".join(part["text"].strip() for part in message["parts"] if part["text"])
    return textwrap.wrap(f"{message['role']}: {text}", width)


def _measured(lake: Lake, audit: Audit, key: dict[str, str]) -> list[tuple[str, Any]]:
    # Of several claims the one with most evidence against it; what has no score keeps its order.
    rows = sorted(lake.read(audit.table, where=key).to_pylist(), key=lambda row: -(row.get("score") or 0))
    values = [(c.name, rows[0][c.name]) for c in audit.columns] if rows else [("measured", "no row")]
    cells = [(n, f"{v:.3g}" if isinstance(v, float) else v) for n, v in values if v is not None and v is not False]
    return cells[:_SHOWN_MEASURES]


def write(pen: ImageDraw.ImageDraw, place: tuple[int, int], lines: list[str], colour: tuple[int, int, int]) -> None:
    """Lines of text, one below the other."""
    for n, line in enumerate(lines):
        pen.text((place[0], place[1] + n * _LINE), line, colour, ImageFont.load_default(13))


def main(lake: Lake, planted: list[Planted], folder: Path) -> None:
    """One PNG an audit."""
    folder.mkdir(parents=True, exist_ok=True)
    for audit in all_audits().values():
        panels = [draw(lake, audit, *found) for found in examples_of(lake, audit, planted)]
        if panels:
            whole = Image.new("RGB", (_PANEL[0] * len(panels), _PANEL[1]), "white")
            for n, panel in enumerate(panels):
                whole.paste(panel, (n * _PANEL[0], 0))
            stream = io.BytesIO()
            whole.quantize(64).save(stream, "PNG", optimize=True)
            (folder / f"{audit.name}.png").write_bytes(stream.getvalue())


if __name__ == "__main__":
    main(Lake(sys.argv[1]), read_planted(Path(sys.argv[2])), Path(sys.argv[3]))
