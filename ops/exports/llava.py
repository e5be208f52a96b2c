"""LLaVA: one JSON array a stage (`id`, `image`, `conversations`), pictures beside it.

A literal "<image>" in a text would make LLaVA look for one more picture, so it is written "< image >". A system message
opens the first human turn: LLaVA's own templates bring a system message of their own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ops.exports.contract import Export, Record, WrittenShard

_FROM = {"user": "human", "tool": "human", "assistant": "gpt"}

RECIPE = """\
LLaVA's trainer shuffles what it is given, so the order of the curriculum is kept by training stage after stage: one run
a file `sft/stage-NN.json`, each starting from the checkpoint of the one before, with `--data_path sft/stage-NN.json
--image_folder .` (shuffling inside a stage does no harm). To keep the order inside a stage too, give the trainer a
sampler that does not shuffle (`torch.utils.data.SequentialSampler`), and no `--group_by_modality_length`.
"""


def write(records: Sequence[Record], path: Path) -> None:
    """The records, one JSON object a line, each but the last followed by a comma."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(",\n".join(json.dumps(_row(record), ensure_ascii=False) for record in records))


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = record.facts()
    pictures = [picture.relative for picture in record.pictures]
    if pictures:
        row["image"] = pictures[0] if len(pictures) == 1 else pictures
    row["conversations"] = list(_turns(record.messages))
    return row


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    opening = ""
    for message in messages:
        text = _text(message["parts"])
        if message["role"] == "system":
            opening += f"{text}\n\n"
            continue
        yield {"from": _FROM[message["role"]], "value": opening + text}
        opening = ""


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    pieces = ["<image>" if p["type"] == "image" else (p["text"] or "").replace("<image>", "< image >") for p in parts]
    text = ""
    for piece in pieces:
        # LLaVA's convention: a picture stands on a line of its own.
        beside_picture = text and (piece == "<image>" or text.endswith("<image>"))
        text = f"{text.rstrip()}\n{piece.lstrip()}" if beside_picture else text + piece
    return text


def finish(folder: Path, shards: Sequence[WrittenShard]) -> list[Path]:
    """Join the shards of each stage into one JSON array."""
    made: list[Path] = []
    for (kind, stage), group in groupby(shards, key=lambda done: (done.shard.kind, done.shard.stage)):
        path = folder / f"{kind}/stage-{stage:02d}.json"
        parts = [folder / done.file.path for done in group]
        with path.open("w", encoding="utf-8", newline="\n") as out:
            out.write("[\n")
            for at, part in enumerate(parts):
                out.write((",\n" if at else "") + part.read_text(encoding="utf-8"))
            out.write("\n]\n")
        for part in parts:
            part.unlink()
        made.append(path)
    return made


EXPORT = Export(
    name="llava",
    title="LLaVA JSON and images, one file a stage",
    suffix=".part",
    recipe=RECIPE,
    write=write,
    finish=finish,
    kinds=("sft",),
    pictures="beside",
    merges=True,
)
