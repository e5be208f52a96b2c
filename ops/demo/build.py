"""Builds the demo's drop: LLaVA conversations, text-only examples and preference pairs, with planted faults."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from ops.core.errors import UnusableError
from ops.demo import plant
from ops.demo.faults import Planted, write_planted
from ops.demo.pictures import Picture, load_pictures
from ops.demo.rows import Row, judgements, one_conversation_each, text_only

FEWEST = 60
"""Conversations below which the faults that ingest must find would pass its limit of 5 % of a drop's rows."""
MOST = 800

_MANIFEST = """\
# Made by `assay demo` from the test split of the package easy-vqa.
licence: MIT
datasets:
  conversations-*.json: easy-vqa
  preferences.jsonl: easy-vqa-preferences
  text.jsonl: made-up-text
"""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of each fault is planted, as a share of the conversations (of the judged questions, for judgements)."""

    wrong_image: float = 0.06
    unreadable_image: float = 0.01
    placeholder_mismatch: float = 0.01
    duplicated_examples: float = 0.03
    contradictory_answers: float = 0.03
    rejected_as_target: float = 0.03
    blind_questions: float = 0.04
    contradictory_judgements: float = 0.06
    shifted_join: float = 0.4
    """Share of the rows of the one file that has a shifted run."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A drop as built: rows by file, and the planted faults (which are recorded outside the drop)."""

    folder: Path
    rows: dict[str, int]
    planted: list[Planted]


def build(folder: Path, *, record: Path, seed: int = 7, conversations: int = MOST) -> Demo:
    """Writes the drop into `folder` and the list of planted faults to `record`, which must lie outside it.

    The same seed and number give the same bytes. Takes 60 to 800 conversations, one picture each, and a quarter as
    many further pictures for preference pairs. Nothing in the drop tells a spoilt row from a sound one: ids and image
    names are numbered and drawn after all rows have been mixed. Raises UnusableError for a number out of range, and
    FileExistsError where `folder` exists.
    """
    if not FEWEST <= conversations <= MOST:
        raise UnusableError(f"a demo takes {FEWEST} to {MOST} conversations, not {conversations}")
    if record.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"the record of planted faults must lie outside the drop, not at {record}")
    if folder.exists():
        raise FileExistsError(f"{folder} exists: remove it, or build the demo elsewhere")
    rng = Random(seed)  # noqa: S311 - a seeded demo, no secret
    files = _files(rng, conversations)
    _number(files, rng)
    # Built beside its place and moved there, so that a drop that exists is whole.
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _write(unfinished, files, rng)
    planted = _record(files)
    write_planted(record, planted)
    unfinished.rename(folder)
    return Demo(folder, {name: len(rows) for name, rows in files.items()}, planted)


def _files(rng: Random, wanted: int) -> dict[str, list[Row]]:
    pictures = load_pictures()
    rng.shuffle(pictures)
    shares = Shares()

    def count(share: float, of: int = wanted) -> int:
        return max(2, round(share * of))

    first, second = pictures[: wanted * 3 // 4], pictures[wanted * 3 // 4 : wanted]
    main, shifted = one_conversation_each(first), one_conversation_each(second)
    queries = judgements(pictures[wanted : wanted + wanted // 4], rng)
    judged = [row for query in queries for row in query]

    plant.shift_images(shifted, count=count(shares.shifted_join, len(shifted)), by=rng.randrange(1, 4), rng=rng)
    pool = rng.sample(main, len(main))
    plant.swap_images(pool, count(shares.wrong_image))
    plant.break_images(pool, count(shares.unreadable_image))
    plant.miscount_placeholders(pool, count(shares.placeholder_mismatch))
    main += plant.copies(pool, count(shares.duplicated_examples))
    main += plant.contradicting_answers(pool, count(shares.contradictory_answers), rng)
    main += plant.blind_conversations(pool, count(shares.blind_questions), rng)
    rng.shuffle(queries)
    judged += plant.contradicting_judgements(queries, count(shares.contradictory_judgements, len(queries)), rng)
    main += plant.rejected_targets(queries, count(shares.rejected_as_target))
    rng.shuffle(main)
    rng.shuffle(judged)
    return {
        "conversations-1.json": main,
        "conversations-2.json": shifted,
        "text.jsonl": text_only(wanted // 8, rng),
        "preferences.jsonl": judged,
    }


def _number(files: dict[str, list[Row]], rng: Random) -> None:
    """Gives every row an id that tells nothing, not even its place."""
    rows = [row for rows in files.values() for row in rows]
    for number, row in zip(rng.sample(range(100_000, 1_000_000), len(rows)), rows, strict=True):
        row.source_id = f"q{number}"


def _write(folder: Path, files: dict[str, list[Row]], rng: Random) -> None:
    (folder / "images").mkdir(parents=True)
    names: dict[Picture, str] = {}
    for name, rows in files.items():
        written: list[dict[str, Any]] = []
        for row in rows:
            image = _image(row, folder, names, rng)
            written.append(row.preference(image or "") if row.rejected is not None else row.llava(image))
        (folder / name).write_bytes(_lines(written) if name.endswith(".jsonl") else orjson.dumps(written))
    (folder / "drop.yaml").write_text(_MANIFEST, "utf-8")


def _image(row: Row, folder: Path, names: dict[Picture, str], rng: Random) -> str | None:
    """Path of the row's image in the drop, written on its first use; a broken image has a file to itself."""
    if row.picture is None:
        return None
    if row.image_fault is None and row.picture in names:
        return names[row.picture]
    image = f"images/{rng.getrandbits(48):012x}.png"
    data = row.picture.path.read_bytes()
    if row.image_fault is None:
        names[row.picture] = image
    if row.image_fault != "missing":
        (folder / image).write_bytes(data[: len(data) * 2 // 3] if row.image_fault == "truncated" else data)
    return image


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _record(files: dict[str, list[Row]]) -> list[Planted]:
    return [
        Planted(row.fault, name, number, row.source_id, tuple(p.source_id for p in row.partners), row.detail)
        for name, rows in files.items()
        for number, row in enumerate(rows)
        if row.fault is not None
    ]
