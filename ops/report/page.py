"""The page of a version: one HTML file that needs nothing else."""

import base64
import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ops.report import charts
from ops.report.data import Picture, ReportData
from ops.report.words import number, percent, visible

_FOLDER = Path(__file__).parent


def write_report(data: ReportData, path: Path) -> Path:
    """Write the page of a version; whoever opens it meanwhile sees the old page or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(render(data), encoding="utf-8")
    unfinished.replace(path)
    return path


def render(data: ReportData) -> str:
    """The page as HTML. All text is escaped, and the page forbids itself scripts and anything from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "picture": _picture, "prose": _prose}
    environment.globals |= {
        "percent": percent,
        "histogram": charts.histogram,
        "stacked": charts.stacked,
        "stages": charts.stages,
        "trade_off": charts.trade_off,
        "style": Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
    }
    # Half of a surrogate pair cannot be written as UTF-8.
    page = environment.get_template("page.html.j2").render(data=data)
    return page.encode("utf-8", "replace").decode("utf-8")


def _picture(picture: Picture) -> Markup:
    size = f"{picture.width_px} × {picture.height_px} px"
    if not picture.jpeg:
        return Markup('<span class="nopicture">no preview<br>{}</span>').format(size)
    data = base64.b64encode(picture.jpeg).decode("ascii")
    return Markup('<img alt="image of the example" title="{}" src="data:image/jpeg;base64,{}">').format(size, data)


def _prose(text: str) -> Markup:
    """A paragraph of a docstring: what stands between backticks is code."""
    parts = visible(text).split("`")
    marked = [Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)]
    return Markup().join(marked)


def _shown(value: Any) -> Any:
    """What the template prints of a value: text of the data is made visible, our own markup stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
