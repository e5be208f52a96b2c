"""The page on which a person looks at examples one by one and types what they think: one HTML file, with a script of
its own and nothing from elsewhere. What is typed stays in the browser until it is exported as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ops.report.audit_data import Picture, ShownExample
from ops.report.templates import fill
from ops.report.thumbnails import data_uri
from ops.report.words import number


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be said of an example: the value in the CSV, and the key that says it."""

    value: str
    key: str


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture: its edges as shares of the picture's width and height, and what is said to be in it."""

    picture: int
    left: float
    top: float
    right: float
    bottom: float
    label: str


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An example as it is reviewed, with what speaks for and against it: parts of its pictures, the examples that it is
    held to repeat (`twins`, each with the name of the audit), and where its figures lie in the version (`places`)."""

    example: ShownExample
    content_id: str
    regions: tuple[Region, ...] = ()
    twins: tuple[tuple[str, ShownExample], ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """What a page asks about its examples. `identity` is what the browser remembers the answers under; `column` is the
    name of the answer in the CSV. `blind` shows nothing but the example; then the reviewer's name is asked for."""

    identity: str
    title: str
    lead: str
    file: str
    column: str
    choices: tuple[Choice, ...]
    blind: bool = False
    columns: tuple[tuple[str, str], ...] = ()
    """Columns of the CSV that are the same in each row, with their values."""


def review_page(queue: ReviewQueue, items: Sequence[ReviewItem]) -> str:
    """The page as HTML. All text is escaped; the page forbids itself any script but its own, and any address."""
    filters = {"number": number, "picture": _picture, "share": _share}
    return fill("review_page", {"queue": queue, "items": items}, filters=filters)


def _picture(picture: Picture) -> Markup:
    size = f"{picture.width_px} × {picture.height_px} px"
    if not picture.jpeg:
        return Markup('<span class="nopicture">no preview<br>{}</span>').format(size)
    return Markup('<img alt="image of the example" title="{}" src="{}">').format(size, data_uri(picture.jpeg))


def _share(value: float) -> str:
    return f"{value:.4f}"
