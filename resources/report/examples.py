"""The few examples that a report shows: their text, thumbnails, reasons and measures, read from the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.audits.contract import KEYS, Scope
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.stored import StoredMessage
from ops.core.turns import ANSWERS
from ops.core.version_schemas import VERDICTS
from ops.report.audit_data import Picture, Reason, ShownExample, Turn
from ops.report.thumbnails import SIDE_PX, thumbnail
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of an example is shown: numbers of pictures, turns and reasons, lines of an audit, characters of a text,
    and the longer side of a picture in pixels."""

    pictures: int = 4
    turns: int = 8
    reasons: int = 6
    lines: int = 4
    text: int = 600
    side_px: int = SIDE_PX


FEW = Detail()
"""In a report, which shows a few examples of each rule."""


def read_page_examples(
    lake: Lake,
    version: int,
    ids: Sequence[str],
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    drops: Mapping[str, str],
    detail: Detail = FEW,
) -> dict[str, ShownExample]:
    """The examples of those ids as the page shows them, by id; long texts and lists are cut, and say so."""
    if not ids:
        return {}
    wanted = {"delivery": list(deliveries), "example_id": list(ids)}
    examples = {row["example_id"]: row for row in lake.read(EXAMPLES, where=wanted).to_pylist()}
    verdicts = lake.read(VERDICTS, where={"version": version, "example_id": list(ids)}).to_pylist()
    images_by_id = {row["example_id"]: list(row["image_ids"] or ())[: detail.pictures] for row in examples.values()}
    image_ids = sorted({image for images in images_by_id.values() for image in images})
    pictures = _pictures(lake, image_ids, detail.side_px)
    lines = _lines(lake, wanted, measures, detail)
    return {
        verdict["example_id"]: _page_example(
            examples[verdict["example_id"]],
            verdict,
            pictures=tuple(pictures[i] for i in images_by_id[verdict["example_id"]] if i in pictures),
            measures=lines.get(verdict["example_id"], {}),
            drop=drops.get(verdict["delivery"], verdict["delivery"]),
            detail=detail,
        )
        for verdict in verdicts
        if verdict["example_id"] in examples
    }


def _page_example(
    example: Mapping[str, Any],
    verdict: Mapping[str, Any],
    *,
    pictures: tuple[Picture, ...],
    measures: Mapping[str, Mapping[int | None, list[str]]],
    drop: str,
    detail: Detail,
) -> ShownExample:
    # One for each row of measures that met the rule; those that read the same are shown once.
    reasons = list(dict.fromkeys(Reason(**reason) for reason in verdict["reasons"] or ()))
    blamed = {reason.turn for reason in reasons if reason.turn is not None}
    turns = _turns(example["messages"] or (), detail.text)
    kept = _kept(turns, blamed, detail.turns)
    return ShownExample(
        example_id=example["example_id"],
        source_id=example["source_id"] or "",
        drop=drop,
        dataset=example["dataset"] or "",
        kind=example["kind"],
        action=verdict["action"],
        weight=verdict["weight"],
        pictures=pictures,
        more_pictures=len(example["image_ids"] or ()) - len(pictures),
        turns=tuple(kept),
        more_turns=len(turns) - len(kept),
        reasons=tuple(reasons[: detail.reasons]),
        more_reasons=max(0, len(reasons) - detail.reasons),
        measures={audit: _chosen(by_turn, blamed, detail.lines) for audit, by_turn in measures.items()},
    )


def _pictures(lake: Lake, ids: Sequence[str], side_px: int) -> dict[str, Picture]:
    """Thumbnails by image id; the images themselves are never held together."""
    pictures: dict[str, Picture] = {}
    columns = ["image_id", "bytes", "width_px", "height_px"]
    for batch in lake.batches(IMAGES, where={"image_id": list(ids)}, columns=columns, batch_rows=8) if ids else ():
        for row in batch.to_pylist():
            pictures[row["image_id"]] = thumbnail(
                row["bytes"], row["width_px"] or 0, row["height_px"] or 0, side_px=side_px
            )
    return pictures


def _turns(messages: Sequence[StoredMessage], most_text: int) -> list[Turn]:
    turns: list[Turn] = []
    answers = 0
    for message in messages:
        text = "".join("[image] " if part["type"] == "image" else part["text"] or "" for part in message["parts"] or ())
        number = answers if message["role"] in ANSWERS else None
        answers += number is not None
        turns.append(Turn(message["role"], _cut(text.strip(), most_text), number))
    return turns


def _kept(turns: Sequence[Turn], blamed: set[int], most: int) -> list[Turn]:
    """The answers that reasons speak of, each with what came before it, and then the first turns, up to `most`."""
    accused = [at for at, turn in enumerate(turns) if turn.number in blamed]
    first = [place for at in accused for place in (max(at - 1, 0), at)]
    chosen = list(dict.fromkeys([*first, *range(len(turns))]))[:most]
    return [turns[at] for at in sorted(chosen)]


def _lines(
    lake: Lake, wanted: Mapping[str, object], measures: Mapping[str, str], detail: Detail
) -> dict[str, dict[str, dict[int | None, list[str]]]]:
    """Measures as text: by example, audit and turn."""
    lines: dict[str, dict[str, dict[int | None, list[str]]]] = {}
    for name, identity in sorted(measures.items()):
        audit = all_audits().get(name)
        if audit is None:
            continue
        where = {**wanted, "identity": identity}
        if audit.scope is Scope.CORPUS:
            del where["delivery"]
        hidden = {*KEYS[audit.grain].names, "identity"}
        for row in lake.read(audit.table, where=where).to_pylist():
            figures = [
                f"{key} {_figure(value)}" for key, value in row.items() if key not in hidden and _telling(key, value)
            ]
            turn = row.get("turn")
            line = ("" if turn is None else f"answer {turn + 1}: ") + (", ".join(figures) or "abstains")
            lines.setdefault(row["example_id"], {}).setdefault(name, {}).setdefault(turn, []).append(
                _cut(line, detail.text)
            )
    return lines


def _chosen(by_turn: Mapping[int | None, list[str]], blamed: set[int], most: int) -> tuple[str, ...]:
    """The lines of the answers that reasons speak of first."""
    ordered = sorted(by_turn, key=lambda turn: (turn is not None and turn not in blamed, turn or 0))
    return tuple(dict.fromkeys(line for turn in ordered for line in by_turn[turn]))[:most]


def _telling(name: str, value: object) -> bool:
    """Whether a measure says something to a reader: no id, no null, and no mark that is not set."""
    return value is not None and value is not False and not name.endswith(("_id", "_ids"))


def _figure(value: object) -> str:
    if isinstance(value, bool):
        return "yes"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
