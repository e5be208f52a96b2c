"""Figures as inline SVG, drawn in the page's own colours so that they follow its light and dark form."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from ops.report.audit_data import Histogram, Threshold
from ops.report.data import MixFigures, Stage
from ops.report.templates import style_of
from ops.report.thumbnails import data_uri
from ops.report.words import number, percent, visible

_WIDTH, _ROOM = 320.0, 96.0
_LEFT, _RIGHT, _BOTTOM = 2.0, 2.0, 18.0
_ROW = 20.0


def histogram(figure: Histogram) -> Markup:
    """Bars of a histogram that has any, with the thresholds of the rules that look at the column."""
    return _bars(figure) if figure.labels else _curve(figure)


def embedded(drawing: Markup) -> str:
    """The address under which a page of somebody else's holds the drawing within itself."""
    opening, rest = str(drawing).split(">", 1)
    namespace = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    body = f"{namespace}><style>{style_of('charts')}</style>{rest}"
    return data_uri(body.encode(), "image/svg+xml")


def stacked(parts: Mapping[str, int], label: str) -> Markup:
    """One bar of parts, each in the colour of its name (`fill-NAME` in the page's style)."""
    whole = sum(parts.values())
    rects: list[Markup] = []
    at = 0.0
    for name, count in parts.items():
        width = 1000 * count / whole if whole else 0
        rects.append(_rect(at, 0, width, 22, css=f"fill-{_css(name)}", title=f"{name}: {number(count)}"))
        at += width
    return _svg(1000, 22, Markup().join(rects), label=label, css="stack", stretch=True)


def stages(stages_drawn: Sequence[Stage]) -> Markup:
    """A pair of bars a stage: text and visual examples, and where its difficulty lies on a common axis."""
    most = max((stage.examples for stage in stages_drawn), default=0) or 1
    spread = [value for stage in stages_drawn for value in stage.difficulty]
    low, high = (min(spread), max(spread)) if spread else (0.0, 1.0)
    extent = (high - low) or 1.0
    rows: list[Markup] = []
    for at, stage in enumerate(stages_drawn):
        y = 20 + at * 30.0
        text = stage.examples - stage.visual
        width = 330 * stage.examples / most
        visual = width * stage.visual / (stage.examples or 1)
        rows.append(_text(8, y + 13, f"{stage.number}", anchor="start"))
        rows.append(_rect(30, y, visual, 18, css="fill-visual", title=f"visual: {number(stage.visual)}"))
        rows.append(_rect(30 + visual, y, width - visual, 18, css="fill-text", title=f"text: {number(text)}"))
        rows.append(_text(36 + width, y + 13, percent(stage.visual, stage.examples) + " visual", anchor="start"))
        if stage.difficulty:
            left, middle, right = (500 + 200 * (value - low) / extent for value in stage.difficulty)
            rows.append(_line(left, y + 9, right, y + 9, css="spread"))
            rows.append(
                Markup('<circle class="middle" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                    middle, y + 9, f"median difficulty {number(stage.difficulty[1])}"
                )
            )
    head = _text(30, 12, "examples", anchor="start") + _text(500, 12, "difficulty, easier to harder", anchor="start")
    return _svg(
        710, 24 + 30 * len(stages_drawn), head + Markup().join(rows), label="Stages of the curriculum", css="stages"
    )


def trade_off(mix: MixFigures) -> Markup:
    """What is left, by the share of visual examples: of the examples, were the excess left out (bars), and of the
    effective sample size, were it weighed down (dots). Lines: the share before and the target."""
    left, floor, wide, high = 36.0, 116.0, 420.0, 100.0
    marks: list[Markup] = []
    for p in mix.curve:
        label = f"{percent(p.visual_share, 1)} visual: {percent(p.examples_kept, 1)} of the examples"
        height = high * p.examples_kept
        marks.append(_rect(left + wide * p.visual_share - 6, floor - height, 12, height, css="bar", title=label))
    dot = Markup('<circle class="middle" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>')
    marks += [
        dot.format(
            left + wide * p.visual_share,
            floor - high * min(p.effective_share, 1.0),
            f"{percent(p.effective_share, 1)} of the effective sample, {p.repeats:.3g} times",
        )
        for p in mix.curve
    ]
    for y, share, label in ((12, mix.before, "as it is"), (24, mix.target, "target")):
        if share is not None:
            marks.append(_line(left + wide * share, 8, left + wide * share, floor, css="mark stroke-hold"))
            marks.append(_text(left + wide * share + 4, y, label, anchor="start", css="marked"))
    ticks = [_text(left + wide * at / 4, floor + 14, f"{25 * at} %", anchor="middle") for at in range(5)]
    scale = [_text(left - 4, floor - high * at + 4, f"{round(100 * at)} %", anchor="end") for at in (0, 0.5, 1)]
    axis = _line(left, floor, left + wide, floor, css="axis")
    body = Markup().join([*marks, axis, *ticks, *scale])
    return _svg(left + wide + 20, floor + _BOTTOM, body, label="Examples kept by share of visual examples")


def _curve(figure: Histogram) -> Markup:
    marks = [mark for mark in figure.thresholds if mark.bound is not None][:3]
    floor = 6 + 12.0 * len(marks) + _ROOM
    low, high = figure.edges[0], figure.edges[-1]
    scale = (_WIDTH - _LEFT - _RIGHT) / (high - low)
    most = max(figure.counts) or 1
    bars: list[Markup] = []
    for left, right, count in zip(figure.edges, figure.edges[1:], figure.counts, strict=False):
        if not count:
            continue
        # A bin that holds something is seen, however small beside the largest.
        height = max(_ROOM * count / most, 1.5)
        width = max((right - left) * scale - 1, 0.6)
        x = _LEFT + (left - low) * scale
        bars.append(_rect(x, floor - height, width, height, css="bar", title=_bin(figure, left, right, count)))
    lines = [
        _mark(mark, 10 + 12.0 * at, _LEFT + (_edge(mark, figure.integer) - low) * scale, floor)
        for at, mark in enumerate(marks)
    ]
    axis = _line(_LEFT, floor, _WIDTH - _RIGHT, floor, css="axis")
    body = Markup().join([*bars, _outline(figure, scale, floor), axis, *lines, _ticks(figure, scale, floor + 12)])
    return _svg(_WIDTH, floor + _BOTTOM, body, label=f"Histogram of {figure.column}")


def _outline(figure: Histogram, scale: float, floor: float) -> Markup:
    """The steps of what was measured earlier, as if there had been as much of it as now."""
    whole, whole_before = sum(figure.counts), sum(figure.earlier)
    if not whole_before:
        return Markup()
    unit = _ROOM / (max(figure.counts) or 1) * whole / whole_before
    points: list[str] = []
    for left, right, count in zip(figure.edges, figure.edges[1:], figure.earlier, strict=False):
        y = floor - min(_ROOM, count * unit)
        points += [f"{_LEFT + (x - figure.edges[0]) * scale:.1f},{y:.1f}" for x in (left, right)]
    return Markup('<polyline class="before" points="{}"><title>{}</title></polyline>').format(
        " ".join(points), f"earlier: {number(whole_before)}"
    )


def _edge(mark: Threshold, integer: bool) -> float:
    """Where the line stands: between the bars of whole numbers, so that it parts those that meet the condition."""
    aside = {">": 0.5, "<=": 0.5, ">=": -0.5, "<": -0.5}.get(mark.comparison, 0.0)
    return (mark.bound or 0.0) + (aside if integer else 0.0)


def _mark(mark: Threshold, y: float, x: float, floor: float) -> Markup:
    """A line at `x` down to the floor, named at height `y`; the arrow points to where the rule fires."""
    right = x > _WIDTH / 2
    before, after = {"<": ("◂ ", ""), "<=": ("◂ ", ""), ">": ("", " ▸"), ">=": ("", " ▸")}.get(
        mark.comparison, ("", "")
    )
    css = f"mark stroke-{_css(mark.action)}" + ("" if mark.alone else " dashed")
    label = f"{before}{_short(mark.rule, 24)}{after}"
    anchor = "end" if right else "start"
    return _line(x, y - 7, x, floor, css=css) + _text(x + (-5 if right else 5), y, label, anchor=anchor, css="marked")


def _ticks(figure: Histogram, scale: float, y: float) -> Markup:
    low, high = figure.edges[0], figure.edges[-1]
    values = [low, (low + high) / 2, high]
    if figure.integer:
        first, last = low + 0.5, figure.edges[-2] + 0.5
        between = [float(round((first + last) / 2))] if last - first > 8 else []
        values = [first] if first == last else [first, *between, last]
    ticks: list[Markup] = []
    for at, value in enumerate(values):
        anchor = "start" if at == 0 else "end" if at == len(values) - 1 else "middle"
        label = number(value) + ("+" if figure.clipped and at == len(values) - 1 else "")
        ticks.append(_text(_LEFT + (value - low) * scale, y, label, anchor=anchor))
    return Markup().join(ticks)


def _bars(figure: Histogram) -> Markup:
    most, whole = max(figure.counts) or 1, figure.rows
    # A rule with one condition is certain to fire there; of the others the caption tells.
    fires = {label: mark.action for mark in figure.thresholds if mark.alone for label in mark.labels}
    rows: list[Markup] = []
    for at, (label, count) in enumerate(zip(figure.labels, figure.counts, strict=True)):
        y = 4 + at * _ROW
        width = max(110 * count / most, 1.5)
        css = f"bar fill-{_css(fires[label])}" if label in fires else "bar"
        figure_text = f"{number(count)} · {percent(count, whole)}"
        rows.append(_text(104, y + 12, _short(label, 18), anchor="end"))
        rows.append(_rect(110, y, width, 15, css=css, title=f"{label}: {number(count)}"))
        rows.append(_text(116 + width, y + 12, figure_text, anchor="start", css="soft"))
        if before := sum(figure.earlier):
            x = 110 + min(110 * figure.earlier[at] / before * whole / most, 200)
            rows.append(_line(x, y - 1, x, y + 16, css="before"))
    return _svg(_WIDTH, 8 + _ROW * len(figure.labels), Markup().join(rows), label=f"Values of {figure.column}")


def _bin(figure: Histogram, left: float, right: float, count: int) -> str:
    if figure.integer:
        first, last = round(left + 0.5), round(right - 0.5)
        return f"{first}: {number(count)}" if first == last else f"{first} to {last}: {number(count)}"
    return f"{number(left)} to {number(right)}: {number(count)}"


def _svg(width: float, height: float, body: Markup, *, label: str, css: str = "", stretch: bool = False) -> Markup:
    ratio = Markup(' preserveAspectRatio="none"') if stretch else Markup()
    return Markup('<svg class="{}" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}"{}>{}</svg>').format(
        css or "figure", width, height, visible(label), ratio, body
    )


def _rect(x: float, y: float, width: float, height: float, *, css: str, title: str) -> Markup:
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(css, x, y, width, height, visible(title))


def _line(x1: float, y1: float, x2: float, y2: float, *, css: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(css, x1, y1, x2, y2)


def _text(x: float, y: float, label: str, *, anchor: str, css: str = "") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        css, x, y, anchor, visible(label)
    )


def _css(name: str) -> str:
    """A name as part of a class: what is no letter of a plain name is left out."""
    return "".join(letter for letter in str(escape(name)) if letter.isascii() and letter.isalnum())


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
