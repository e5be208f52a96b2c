"""A page of what a gate found, around what Great Expectations wrote of each part."""

from collections.abc import Mapping

from markupsafe import Markup

from ops.report.templates import fill


def gate_page(title: str, *, parts: Mapping[str, str], at: str) -> str:
    """The page: one self-contained HTML file. `parts` has the HTML of each part, which is taken as it is; `at` says
    when they were judged."""
    sections = {name: Markup(html) for name, html in parts.items()}  # noqa: S704 - the page bars scripts
    return fill("gate_page", {"title": title, "parts": sections, "at": at}, filters={})
