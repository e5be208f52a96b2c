"""The queue of what a version holds back for a person to look at, written as pages."""

from dataclasses import dataclass
from pathlib import Path

from ops.core.arrow import column_values
from ops.core.identity import fingerprint
from ops.core.version_schemas import VERDICTS
from ops.decision.overruling import DROP, KEEP
from ops.decision.policy import Action
from ops.decision.versions import Version
from ops.report.review_page import Choice, ReviewQueue, review_page
from resources.lake.tables import Lake
from resources.review.items import PAGE_ROWS, pages_of, read_items
from resources.versions.person_decisions import standing_decisions

_CHOICES = (Choice(KEEP, "k"), Choice(DROP, "d"))


@dataclass(frozen=True, slots=True)
class Queue:
    """The pages that were written, how many examples they show, and how many of the version's held ones are left out
    because a person decided on them since."""

    version: int
    pages: tuple[Path, ...]
    examples: int
    decided: int


def write_queue(lake: Lake, version: Version, folder: Path, *, page_rows: int = PAGE_ROWS) -> Queue:
    """Writes the pages of the examples that the version holds into the folder, which is made where it is not there;
    pages that an earlier call wrote there of this version are written over."""
    where = {"version": version.number, "action": str(Action.HOLD)}
    held = sorted(column_values(lake.read(VERDICTS, where=where, columns=["example_id"]), "example_id", str))
    decided = standing_decisions(lake)
    ids = [example for example in held if example not in decided]
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"review-{version.number}-*.html"):
        old.unlink()
    pages: list[Path] = []
    for at, own in enumerate(pages_of(ids, page_rows), 1):
        pages.append(folder / f"review-{version.number}-{at:03d}.html")
        title = f"Version {version.number}: {len(ids)} examples held" + (f", page {at}" if len(ids) > page_rows else "")
        pages[-1].write_text(review_page(_queue(version, title, at), read_items(lake, version, own)), "utf-8")
    return Queue(version.number, tuple(pages), len(ids), len(held) - len(ids))


def _queue(version: Version, title: str, page: int) -> ReviewQueue:
    file = f"decisions-{version.number}-{page:03d}.csv"
    return ReviewQueue(
        identity=fingerprint("hold", version.content),
        title=title,
        lead="Press k to keep and d to drop. What you type stays in this browser until you export it; then run "
        f"assay review --take {file} --by NAME.",
        file=file,
        column="decision",
        choices=_CHOICES,
    )
