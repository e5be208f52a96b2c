"""Means over seeds with their intervals, as lines of Markdown and as a picture."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import stats

Cells = Sequence[Mapping[str, object]]
AFTER_SFT = ("accuracy", "removed", "swapped", "grounding", "text_only")
AFTER_RL = (("flawed", "accuracy"), ("flawed", "first_word"), ("flawed", "hacked"), ("honest", "accuracy"))
_INK, _GREY, _LINE = (30, 30, 30), (150, 150, 150), (225, 225, 225)
_COLOURS = {"none": (120, 120, 120), "random": (190, 140, 60), "assay": (30, 100, 170), "oracle": (60, 140, 70)}


def values(cells: Cells, stage: str, figure: str) -> dict[tuple[str, str], dict[int, float]]:
    """By condition and variant, the figure of each seed."""
    by_key: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for cell in cells:
        figures = cast("Mapping[str, float]", cell.get(stage) or {})
        if figure in figures:
            by_key[str(cell["condition"]), str(cell["variant"])][cast("int", cell["seed"])] = figures[figure]
    return dict(by_key)


def interval(numbers: Sequence[float]) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval (Student); NaN where there are fewer than two."""
    given = np.array(numbers, dtype=float)
    if len(given) < 2:
        return float(given.mean()), float("nan")
    return float(given.mean()), float(stats.t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given)))


def percent(numbers: Sequence[float], *, signed: bool = False) -> str:
    """Mean ± half the interval, in hundredths; of one number the number."""
    mean, half = interval(numbers)
    reach = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{100 * mean:{'+' if signed else ''}.1f}{reach}"


def table(cells: Cells) -> Iterator[str]:
    """Lines of two Markdown tables, in per cent: after SFT, and after RL."""
    rows = {(str(c["condition"]), str(c["variant"])): c["rows"] for c in cells}
    columns = {name: values(cells, "sft", name) for name in AFTER_SFT}
    yield "| condition | done | rows | accuracy | against none | removed | swapped | grounding | text-only |"
    yield f"|---|---|--:|{'--:|' * 6}"
    for key, count in rows.items():
        figures = [percent([*columns[name][key].values()]) for name in AFTER_SFT]
        gain = difference(columns["accuracy"], key)
        yield f"| {key[0]} | {key[1]} | {count} | {figures[0]} | {gain} | {' | '.join(figures[1:])} |"
    yield ""
    yield "| condition | done | hacked before | flawed: accuracy | first word | hacked | against none | honest |"
    yield f"|---|---|{'--:|' * 6}"
    hacked = values(cells, "sft", "hacked")
    later = {pair: values(cells, *pair) for pair in AFTER_RL}
    for key in rows:
        if key in later["flawed", "hacked"]:
            figures = [percent([*later[pair][key].values()]) for pair in AFTER_RL]
            figures.insert(3, difference(later["flawed", "hacked"], key))
            yield f"| {key[0]} | {key[1]} | {percent([*hacked[key].values()])} | {' | '.join(figures)} |"


def difference(by_key: Mapping[tuple[str, str], Mapping[int, float]], key: tuple[str, str]) -> str:
    """What a variant has more than `none` of the same condition, by seed."""
    base, own = by_key.get((key[0], "none"), {}), by_key[key]
    if key[1] == "none" or not base:
        return ""
    return percent([own[seed] - base[seed] for seed in own if seed in base], signed=True)


def draw(cells: Cells, path: Path) -> None:
    """Accuracy after SFT, and incidents after RL with the flawed reward: a dot a variant with its interval."""
    panels = (("accuracy after SFT, %", values(cells, "sft", "accuracy")),)
    panels += (("hacking incidents after flawed RL, %", values(cells, "flawed", "hacked")),)
    conditions = list(dict.fromkeys(str(cell["condition"]) for cell in cells))
    height = 60 + 90 * len(conditions)
    image = Image.new("RGB", (440 * len(panels), height), "white")
    pen = ImageDraw.Draw(image)
    for at, (title, by_key) in enumerate(panels):
        _panel(pen, 440 * at, title, by_key, conditions)
    stream = io.BytesIO()
    image.quantize(64).save(stream, "PNG", optimize=True)
    path.write_bytes(stream.getvalue())


def _panel(
    pen: ImageDraw.ImageDraw,
    left: int,
    title: str,
    by_key: Mapping[tuple[str, str], Mapping[int, float]],
    conditions: Sequence[str],
) -> None:
    font, bottom = ImageFont.load_default(13), 40 + 90 * len(conditions)
    pen.text((left + 10, 8), title, _INK, ImageFont.load_default(15))
    for tick in range(0, 101, 20):
        x = left + 150 + 2.6 * tick
        pen.line(((x, 36), (x, bottom)), _LINE)
        pen.text((x - 6, bottom + 2), str(tick), _GREY, font)
    for row, condition in enumerate(conditions):
        pen.text((left + 10, 66 + 90 * row), condition, _INK, font)
        for line, (variant, colour) in enumerate(_COLOURS.items()):
            numbers = [*by_key.get((condition, variant), {}).values()]
            if numbers:
                y, (mean, half) = 46 + 90 * row + 20 * line, interval(numbers)
                x, reach = left + 150 + 260 * mean, 260 * (0 if np.isnan(half) else half)
                pen.text((left + 92, y - 8), variant, colour, font)
                pen.line(((x - reach, y), (x + reach, y)), colour, 2)
                pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
