"""The members of a shard, put together from its scratch files: places, rows, judgements and prompts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.core.arrow import index_in, rows_at, rows_of, whole
from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT, message_text
from ops.exports.contract import PREFERENCE, PROMPT, ExportError, Judged, Member, Picture, Shard
from ops.exports.ratings import ExampleVote, Judgements, Vote, by_response
from ops.intake.row import CONTEXT, Message, Part, Prompt, Rollout
from resources.export.box_texts import box_texts, spooled_boxes
from resources.export.content import Content
from resources.export.spool import read_spooled

_CHUNK_ROWS = 256
_ENDS = (*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT)
_UNJUDGED = (None, None, None)


def members(
    content: Content, shard: Shard, *, repeats: int, box_scale: str | None = None, turns_pictures: bool = True
) -> Iterator[Member]:
    """The members of a shard in their order; with `repeats`, copies stand for their weights already. Their boxes are
    written on the scale, or as delivered, for a trainer that turns pictures by EXIF or does not. Raises ExportError
    where a message shows a picture that its example does not name."""
    with pa.OSFile(str(content.places / shard.name), "rb") as source:
        places = pa.ipc.open_stream(source).read_all()
    rows = read_spooled(content.rows / shard.name)
    judgements = _judgements(content.judgements / shard.name)
    prompts = _prompts(content.prompts / shard.name) if shard.kind == PROMPT else {}
    boxes = spooled_boxes(content.boxes / shard.name) if box_scale else {}
    row_of_place = index_in(places["example_id"], whole(rows, "example_id"))
    for start in range(0, places.num_rows, _CHUNK_ROWS):
        chunk = rows_at(rows, row_of_place.slice(start, _CHUNK_ROWS)).to_pylist()
        for place, row in zip(places.slice(start, _CHUNK_ROWS).to_pylist(), chunk, strict=True):
            judged = judgements.get(row["example_id"], {})
            own = boxes.get(row["example_id"], [])
            written = box_texts(row, own, box_scale, turns_pictures=turns_pictures)
            member = _member(shard, place, row | {"texts": written.texts}, judged, content.pictures)
            unwritable = written.unwritable or _unmatched_losses(row) or _judged_loss(row)
            member = replace(member, objects=written.objects, unwritable=unwritable)
            if shard.kind == PROMPT:
                member = _with_prompt(member, prompts)
            yield replace(member, loss_weight=1.0) if repeats else member


def _judgements(path: Path) -> dict[str, Judgements]:
    """Labels and ratings of the responses, by example."""
    if not path.exists():
        return {}
    by_example: dict[str, list[Vote]] = {}
    for row in rows_of(read_spooled(path), ExampleVote):
        by_example.setdefault(row["example_id"], []).append(row)
    return {example: by_response(rows) for example, rows in by_example.items()}


def _unmatched_losses(row: Mapping[str, Any]) -> str | None:
    """Why what the turns count for in the loss is not known: older readings kept weights as they were delivered."""
    if row["losses"] is None or len(row["losses"]) == len(row["messages"]):
        return None
    return "loss weights of an older reading do not fit its turns: run its drop again"


def _judged_loss(row: Mapping[str, Any]) -> str | None:
    """Why a judged answer's own weight is in no export: none of the trainers' losses of preferences is told to take
    it."""
    weighed = zip(row["messages"], row["losses"] or (), strict=False)
    judged = any(loss is not None for message, loss in weighed if message["role"] in CANDIDATE_ROLES)
    return "a judged answer has a loss weight of its own, which no format can say" if judged else None


def _prompts(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of `prompts` by example."""
    return {row["example_id"]: row for row in read_spooled(path).to_pylist()} if path.exists() else {}


def _with_prompt(member: Member, prompts: Mapping[str, Mapping[str, Any]]) -> Member:
    row = prompts.get(member.example_id)
    if row is None:
        raise ExportError(f"{member.example_id}: the lake's `prompts` does not hold this prompt")
    prompt = Prompt(
        ground_truth=row["ground_truth"],
        is_json=bool(row["is_json"]),
        style=row["style"],
        data_source=row["data_source"],
        rollouts=tuple(Rollout(one["response"], one["reward"]) for one in row["rollouts"] or ()),
    )
    return replace(member, prompt=prompt, extra=row["extra"] or "{}")


def _member(
    shard: Shard, place: Mapping[str, Any], row: Mapping[str, Any], judgements: Judgements, folder: Path
) -> Member:
    turns, pictures = _conversation(shard, row, folder)
    # Judgements know the responses as they were delivered.
    candidates = [
        Judged(
            "".join(text or "" for text in texts), message["role"], *judgements.get(message_text(message), _UNJUDGED)
        )
        for message, texts in zip(row["messages"], row["texts"], strict=True)
        if message["role"] in CANDIDATE_ROLES
    ]
    return Member(
        kind=shard.kind,
        stage=shard.stage,
        position=place["position"],
        order=place["order"],
        copy=place["copy"],
        weight=place["weight"],
        loss_weight=place["weight"],
        soft_label=place["soft_label"],
        example_id=row["example_id"],
        source_id=row["source_id"],
        drop=row["drop"],
        dataset=row["dataset"],
        messages=turns,
        pictures=pictures,
        responses=tuple(candidates),
    )


def _conversation(
    shard: Shard, row: Mapping[str, Any], folder: Path
) -> tuple[tuple[Message, ...], tuple[Picture, ...]]:
    """The turns before any candidates or ground truth, and the pictures in the order in which these show them."""
    endings = dict(zip(row["image_ids"] or [], row["endings"] or [], strict=True))
    # Of preferences and prompts no turn before the end is learned.
    is_prompt = shard.kind in (PREFERENCE, PROMPT)
    unknown: list[float | None] = [None] * len(row["messages"])
    losses = unknown if is_prompt or not row["losses"] or _unmatched_losses(row) else row["losses"]
    turns: list[Message] = []
    pictures: list[Picture] = []
    for message, texts, loss in zip(row["messages"], row["texts"], losses, strict=True):
        if message["role"] in _ENDS:
            continue
        parts: list[Part] = []
        for part, text in zip(message["parts"], texts, strict=True):
            if part["type"] != "image":
                parts.append(Part(text=text))
                continue
            if part["image_id"] not in endings:
                raise ExportError(f"{row['example_id']}: a message shows {part['image_id']}, not among its image_ids")
            parts.append(Part(image=len(pictures)))
            pictures.append(Picture(part["image_id"], endings[part["image_id"]], folder))
        role = "assistant" if message["role"] == CONTEXT and is_prompt else message["role"]
        turns.append(Message(role, tuple(parts), loss))
    return tuple(turns), tuple(pictures)
