"""Answers of persons, as the review page exports them: CSV with a row an example."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.core.errors import UnusableError

_MOST_NAMED = 5
_GUARDED = ("'", "=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Answer:
    """One row: what is said of an example. `row` counts the rows of the file, its header being row 1; `sample` and `by`
    are empty where the file has no such column. Label Studio calls `by` annotator."""

    row: int
    example_id: str
    content_id: str
    value: str
    why: str = ""
    by: str = ""
    sample: str = ""


class AnswersError(UnusableError):
    """A file of answers that cannot be taken: names the file, the rows, and what to do."""

    @classmethod
    def of(cls, path: Path, problems: Sequence[tuple[int, str]]) -> "AnswersError":
        """Of rows with what is wrong with each; of many, the first. Nothing of the file counts then."""
        named = "; ".join(f"row {row}: {problem}" for row, problem in problems[:_MOST_NAMED])
        more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        return cls(f"{path}: {named}{more}. Nothing was taken: mend these rows, or remove them")


def read_answers(path: Path, *, column: str, choices: Collection[str]) -> list[Answer]:
    """The answers of the file, whose column `column` holds one of the choices. Rows without an answer are passed over.

    Raises AnswersError where a column is missing, a row has too few or too many fields, an answer is no choice, or one
    person gives an example two different ones; OSError where the file cannot be read.
    """
    needed = ("example_id", "content_id", column)
    # What Label Studio exports has the pictures within.
    csv.field_size_limit(2**31 - 1)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnswersError(f"{path}: is no CSV in UTF-8 ({error}); export it from the page again") from None
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise AnswersError(
            f"{path}: row 1 has no column {', '.join(missing)}; it has {', '.join(header) or 'none'}. Give the file "
            "that the page exported, with commas between its columns"
        )
    problems: list[tuple[int, str]] = []
    answers = list(_answers(header, lines[1:], column, problems, choices))
    problems += _twice(answers)
    if problems:
        raise AnswersError.of(path, sorted(problems))
    return answers


def _answers(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    column: str,
    problems: list[tuple[int, str]],
    choices: Collection[str],
) -> Iterator[Answer]:
    """The rows that answer; what is wrong with others is added to `problems`."""
    for row, fields in enumerate(lines, 2):
        if not any(fields):
            continue
        if len(fields) != len(header):
            problems.append((row, f"it has {len(fields)} fields, and the header {len(header)}"))
            continue
        values = dict(zip(header, map(_plain, fields), strict=True))
        value = values[column].casefold()
        if not value:
            continue
        if value not in choices:
            problems.append((row, f"{column} is {values[column]!r:.40}, which is none of {', '.join(choices)}"))
        elif not values["example_id"] or not values["content_id"]:
            problems.append((row, "example_id or content_id is empty"))
        else:
            yield _answer(row, values, value)


def _answer(row: int, values: Mapping[str, str], value: str) -> Answer:
    by = values.get("by") or values.get("annotator", "")
    ids = values["example_id"], values["content_id"]
    return Answer(row, *ids, value, values.get("why", ""), by, values.get("sample", ""))


def _plain(field: str) -> str:
    """The text of a cell, without the apostrophe that the page puts before what a spreadsheet would compute."""
    text = field.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_GUARDED) else text


def _twice(answers: Sequence[Answer]) -> Iterator[tuple[int, str]]:
    """The rows that say otherwise of an example than an earlier row of the same person."""
    first: dict[tuple[str, str], Answer] = {}
    for answer in answers:
        earlier = first.setdefault((answer.by, answer.example_id), answer)
        if earlier.value != answer.value:
            yield answer.row, f"says {answer.value} of an example of which row {earlier.row} says {earlier.value}"
