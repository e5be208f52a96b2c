"""Pages from templates. All text is escaped: nothing of the data is markup."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ops.report.words import visible


class _Pages(Environment):
    filters: dict[str, Callable[..., Any]]


_FOLDER = Path(__file__).parent


def fill(
    name: str, values: Mapping[str, Any], *, filters: Mapping[str, Callable[..., Any]], styles: Sequence[str] = ()
) -> str:
    """The page of `NAME.html.j2`. Its `style` is `NAME.css`, after that of these names; its `script`, where there is
    one, `NAME.js`."""
    environment = _pages(tuple(sorted(filters.items())))
    style = Markup("").join(map(style_of, [*styles, name]))
    values = {**values, **_script(_FOLDER / f"{name}.js")}
    page = environment.get_template(f"{name}.html.j2").render(style=style, **values)
    # Half of a surrogate pair cannot be written as UTF-8.
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _pages(filters: Sequence[tuple[str, Callable[..., Any]]]) -> _Pages:
    """The templates with these filters; each is compiled once, which takes longer than to fill it."""
    environment = _Pages(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment


def style_of(name: str) -> Markup:
    """The style sheet of that name."""
    return Markup((_FOLDER / f"{name}.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file


def _script(path: Path) -> dict[str, Markup]:
    """Our own script, and its source expression for the page's Content-Security-Policy; nothing where there is none."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return {"script": Markup(text), "script_source": Markup(f"'sha256-{digest}'")}  # noqa: S704 - our own file


def _printed(value: Any) -> Any:
    """What a template prints of a value: text of the data is made visible, our own markup stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
