"""The page of a version: one HTML file that needs nothing else."""

from markupsafe import Markup, escape

from ops.decision.rule_worth import worth_lines
from ops.report import charts
from ops.report.audit_data import Picture
from ops.report.data import ReportData
from ops.report.templates import fill
from ops.report.thumbnails import data_uri
from ops.report.words import number, percent, visible


def render(data: ReportData) -> str:
    """The page as HTML. All text is escaped, and the page forbids itself scripts and anything from elsewhere."""
    values = {
        "data": data,
        "percent": percent,
        "histogram": charts.histogram,
        "stacked": charts.stacked,
        "stages": charts.stages,
        "trade_off": charts.trade_off,
        "worth_lines": worth_lines,
    }
    return fill("page", values, filters={"number": number, "picture": _picture, "prose": _prose}, styles=["charts"])


def _picture(picture: Picture) -> Markup:
    size = f"{picture.width_px} × {picture.height_px} px"
    if not picture.jpeg:
        return Markup('<span class="nopicture">no preview<br>{}</span>').format(size)
    return Markup('<img alt="image of the example" title="{}" src="{}">').format(size, data_uri(picture.jpeg))


def _prose(text: str) -> Markup:
    """A paragraph of a docstring: what stands between backticks is code."""
    parts = visible(text).split("`")
    marked = [Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)]
    return Markup().join(marked)
