"""Texts and pictures in any order: every export that carries them is read back by Assay's own reader as it was."""

from collections.abc import Iterator, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ops.core.identity import image_id
from ops.exports.contract import PREFERENCE, PROMPT, SFT, Export, Judged, Member, Picture, Shard, ShardDone
from ops.exports.registry import all_exports
from ops.exports.sink import Sink
from ops.formats.containers.contract import Limits, Probe
from ops.formats.manifests.registry import descriptions
from ops.formats.registry import container_of, format_of, reading
from ops.formats.shard_rows import ImageReader, outcomes
from ops.intake.drop import data_files
from ops.intake.drop_files import open_drop
from ops.intake.row import Message, Part, Prompt
from ops.intake.rows import IngestSettings
from tests.support.examples import examples
from tests.support.export_facts import FACTS, member
from tests.support.mds_rows import load_mds, mds_python

SETTINGS = IngestSettings()
CARRYING = [
    pytest.param(item, kind, id=f"{name}-{kind}")
    for name, item in all_exports().items()
    for kind in item.kinds
    if name != "mds"
]
TRUTH = "seventeen"
LIMITS = Limits(SETTINGS.max_row_bytes, SETTINGS.max_expansion)
Turn = tuple[str, tuple[str | int, ...]]
"""A role, and texts and numbers of pictures in their order."""

# Blank lines and spaces beside a picture are text like any other; a literal `<image>` is told from a picture elsewhere.
TEXTS = st.text(st.sampled_from("ab \n.é"), min_size=1, max_size=5)
QUESTIONS = st.lists(TEXTS | st.integers(0, 4), min_size=1, max_size=6).filter(
    lambda parts: any(isinstance(part, int) or part.strip() for part in parts)
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    """Questions and answers in turn; the last answer is what is learned, or judged, or left out of a prompt."""
    turns: list[Turn] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(("user", tuple(draw(QUESTIONS))))
        turns.append(("assistant", (draw(TEXTS.filter(str.strip)),)))
    return turns


@cache
def pngs() -> dict[str, bytes]:
    """Five pictures by their ids."""
    made: dict[str, bytes] = {}
    for number in range(5):
        stream = BytesIO()
        Image.new("RGB", (8, 8 + number), (40 * number, 9, 9)).save(stream, "PNG")
        made[image_id(stream.getvalue())] = stream.getvalue()
    return made


def members_of(examples: Sequence[Sequence[Turn]], folder: Path, kind: str) -> list[Member]:
    pictures = [Picture(name, "png", folder) for name in pngs()]
    for picture, data in zip(pictures, pngs().values(), strict=True):
        (folder / picture.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture.name).write_bytes(data)
    made: list[Member] = []
    for order, turns in enumerate(examples):
        row_pictures: list[Picture] = []
        messages: list[Message] = []
        for role, parts in turns if kind == SFT else turns[:-1]:
            built: list[Part] = []
            for part in parts:
                if isinstance(part, str):
                    built.append(Part(text=part))
                    continue
                built.append(Part(image=len(row_pictures)))
                row_pictures.append(pictures[part])
            messages.append(Message(role, tuple(built)))
        made.append(
            member(
                messages,
                tuple(row_pictures),
                kind=kind,
                position=order,
                order=order,
                example_id=f"e{order}",
                source_id=f"s{order}",
                responses=_responses(turns[-1]) if kind == PREFERENCE else (),
                prompt=Prompt(ground_truth=TRUTH, data_source="zoo") if kind == PROMPT else None,
            )
        )
    return made


def _responses(turn: Turn) -> tuple[Judged, Judged]:
    text = str(turn[1][0])
    return Judged(text, "chosen"), Judged(f"Not {text}", "rejected")


def written(export: Export, members: list[Member], folder: Path) -> list[Member]:
    """Writes an export of one shard; the members that it carries."""
    carried = [member for member in members if export.refuse(member) is None]
    sink = Sink(folder)
    shard = Shard(members[0].kind, 0, 0, len(carried))
    rows = export.write(shard, iter(carried), sink)
    export.finish(FACTS, [ShardDone(shard, rows, {}, tuple(sink.written))], Sink(folder))
    return carried


def content(messages: Sequence[Turn]) -> list[Turn]:
    """The messages with neighbouring texts as one: how a text is cut says nothing."""
    joined: list[Turn] = []
    for role, parts in messages:
        merged: list[str | int] = []
        for part in parts:
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            else:
                merged.append(part)
        joined.append((role, tuple(merged)))
    return joined


def read(folder: Path) -> list[list[Turn]]:
    """The examples of an exported folder as ingest reads them, pictures by their ids, in the order of the files."""
    files = open_drop(folder)
    listing = files.listing()
    trainers = descriptions(files, listing)
    examples: list[list[Turn]] = []
    for info in data_files(listing):
        if info.name == "train.json" or info.name in trainers.manifests:  # the stages once more, and no rows
            continue
        container = container_of(Probe(info.name, files.head(info.name)))
        assert container, info.name
        shards = container.split(files, info.name, 1 << 30, LIMITS)
        records = [r.fields for shard in shards for r in container.read(files, shard, LIMITS) if r.fields]
        about = trainers.files.get(info.name)
        form = format_of(records, described=about)
        assert form, info.name
        for shard in shards:
            images = ImageReader(files, (".",), SETTINGS)
            where = {"container": container.name, "form": reading(form.name, described=about), "dataset": "data"}
            for outcome in outcomes(files, shard, **where, images=images, settings=SETTINGS):
                assert outcome.parsed, outcome.refused
                examples.append(content([stored_turn(message) for message in outcome.parsed["messages"]]))
    return examples


def stored_turn(message: dict[str, Any]) -> Turn:
    return message["role"], tuple(part["text"] or f"#{part['image_id']}" for part in message["parts"])


def expected(member: Member) -> list[Turn]:
    ids = [f"#{picture.image_id}" for picture in member.pictures]
    turns: list[Turn] = [
        (message.role, tuple(part.text or ids[part.image or 0] for part in message.parts))
        for message in member.messages
    ]
    ends: list[Turn] = [(judged.role, (judged.text,)) for judged in member.responses]
    ends += [("ground_truth", (TRUTH,))] if member.prompt else []
    return content([*turns, *ends])


def without_loss(turns: list[Turn], kind: str) -> list[Turn]:
    """The turns; of those before a judged answer or a truth none is learned, whether or not a format says so."""
    return [("assistant" if role == "context" and kind != SFT else role, parts) for role, parts in turns]


@pytest.mark.parametrize(("export", "kind"), CARRYING)
@given(examples=st.lists(conversations(), min_size=5, max_size=12))
@settings(deadline=None, max_examples=examples(12))
def test_any_order_of_texts_and_pictures_comes_back(export: Export, kind: str, examples: list[list[Turn]]):
    with TemporaryDirectory() as name:
        folder = Path(name)
        carried = written(export, members_of(examples, folder, kind), folder)
        loaded = [without_loss(turns, kind) for turns in read(folder)]
        assert loaded == [expected(member) for member in carried]


@pytest.mark.full
@pytest.mark.parametrize("kind", [SFT, PREFERENCE])
@given(examples=st.lists(conversations(), min_size=30, max_size=40))
@settings(deadline=None, max_examples=examples(3), suppress_health_check=list(HealthCheck))
def test_any_order_comes_back_of_mosaicmls_own_reader(kind: str, examples: list[list[Turn]]):
    mds_python()
    with TemporaryDirectory() as name:
        folder = Path(name)
        members = members_of(examples, folder, kind)
        carried = written(all_exports()["mds"], members, folder)
        assert len(carried) == len(members)
        loaded = [mds_turns(row) for row in load_mds(folder / kind)]
        assert loaded == [expected(member) for member in carried]


def mds_turns(row: dict[str, Any]) -> list[Turn]:
    """The turns of a row, pictures by their ids in the order in which the parts show them."""
    ids = iter(f"#{image_id(data)}" for data in row["images"])
    asked = row["messages"] if row["table"] == SFT else row["prompt"]
    turns = [(turn["role"], _parts(turn["content"], ids)) for turn in asked]
    ends = ("chosen", "rejected") if row["table"] == PREFERENCE else ()
    return content([*turns, *((side, _parts(row[side][0]["content"], ids)) for side in ends)])


def _parts(parts: list[dict[str, Any]], ids: Iterator[str]) -> tuple[str, ...]:
    return tuple(next(ids) if part["type"] == "image" else part["text"] for part in parts)
