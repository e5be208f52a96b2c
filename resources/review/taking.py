"""Decisions of a person, taken out of a file into the lake."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ops.core.errors import UnusableError
from ops.core.schemas import EXAMPLES
from ops.decision.overruling import CHOICES, Decision
from ops.review.answers import Answer, AnswersError, read_answers
from resources.lake.tables import Lake
from resources.versions.person_decisions import record_decisions


def take_decisions(lake: Lake, path: Path, *, by: str) -> tuple[int, int]:
    """Takes the decisions of the file into the lake, in the name of that person; returns how many changed what held,
    and how many the file has. Either all are taken, or none.

    Raises UnusableError without a name, AnswersError where a row cannot be taken: one that is not understood, or about
    an example that the lake has not, or has with another content.
    """
    if not by.strip():
        raise UnusableError("who decided? Name them with --by: versions and `assay why` say it")
    answers = read_answers(path, column="decision", choices=CHOICES)
    require_known(lake, path, answers)
    now = datetime.now(UTC)
    decisions = [Decision(a.example_id, a.content_id, a.value, by.strip(), a.why, now) for a in answers]
    return record_decisions(lake, decisions), len(decisions)


def require_known(lake: Lake, path: Path, answers: Sequence[Answer]) -> None:
    """AnswersError where some are about examples that the lake has not, or of another content."""
    ids = sorted({answer.example_id for answer in answers})
    columns = ["example_id", "content_id"]
    rows: list[dict[str, object]] = (
        lake.read(EXAMPLES, where={"example_id": ids}, columns=columns).to_pylist() if ids else []
    )
    contents = {row["example_id"]: row["content_id"] for row in rows}
    problems: list[tuple[int, str]] = []
    for answer in answers:
        content = contents.get(answer.example_id)
        if content is None:
            problems.append((answer.row, f"the lake has no example {answer.example_id!r:.40}; was the page another's?"))
        elif content != answer.content_id:
            problems.append((answer.row, f"example {answer.example_id!r:.40} has another content than was looked at"))
    if problems:
        raise AnswersError.of(path, problems)
