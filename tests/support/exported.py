"""A published version to export, and its rows as they stand in the lake."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.version_schemas import CURATED, CURRICULUM
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.demo.build import build
from ops.intake.loss_weights import loss_weights
from ops.intake.row import Message, Part
from ops.intake.rows import IngestSettings
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.export.export import Exported, export_version
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.versions.candidates import build_candidate
from resources.versions.publishing import publish
from tests.support.measured import measure_difficulty

POLICY = Policy(
    (
        Rule("wordy", "difficulty", (Condition.parse("answer_words > 8"),), Action.DOWNWEIGHT, "many words", 0.5),
        Rule("held", "difficulty", (Condition.parse("answer_words > 40"),), Action.HOLD, "too many words"),
    )
)


def strange_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Conversations and judgements with what a format can trip over: several pictures, none, system prompts, tools,
    a literal placeholder, names that are paths, ratings, labels, responses that no one preferred."""
    ask = {"from": "human", "value": "<image>\n<image>\nWhich of the two, \u2028 left or right?"}
    rows = [
        {
            "id": "../../escape",
            "image": ["images/s0.png", "images/s1.png"],
            "conversations": [ask, gpt("Left.")],
        },
        {"id": "/etc/passwd", "system": "Be brief.", "conversations": [human("What is 1 + 1?"), gpt("2")]},
        {"id": "a\\b\n| c", "image": "images/s2.png", "conversations": [human("Is <image> red?"), gpt("No.")]},
        {"id": "long", "conversations": [human("Count."), gpt(" ".join(map(str, range(50))))]},
    ]
    tools = {"id": "tools", "messages": [message("user", "Add."), message("assistant", "add(1)")]}
    tools["messages"] += [message("tool", "2"), message("assistant", "It is 2.")]
    example = {"id": "shown", "images": ["images/s0.png"], "messages": [message("user", "<image>What is it?")]}
    example["messages"] += [{**message("assistant", "Not learned."), "loss": False}, message("user", "Sure?")]
    example["messages"] += [message("assistant", "It is red.")]
    later = {"id": "later", "images": ["images/s1.png"], "messages": [message("user", "Hello, <video> and <audio>.")]}
    later["messages"] += [message("assistant", "Hi, <video>."), message("user", "And\n<image>\nhere?")]
    later["messages"] += [message("assistant", "Blue.")]
    weighed = {"id": "weighed", "messages": [message("user", "Think."), message("assistant", "Hm. ") | {"loss": True}]}
    weighed["messages"] += [message("assistant", "Two.") | {"loss_scale": 2.0}, message("user", "And now?")]
    weighed["messages"] += [message("assistant", "Three.") | {"loss_scale": 0.25}]
    literal = {"id": "literal", "images": ["images/s3.png"], "messages": [message("assistant", "A tag.")]}
    parts = [{"type": "image"}, {"type": "text", "text": "What does <image> mean in HTML?"}]
    literal["messages"] = [{"role": "user", "content": parts}, *literal["messages"]]
    rated = [{"response": "one", "rating": 1}, {"response": "five", "rating": 5}, {"response": "three", "rating": 3}]
    judged = [
        {
            "id": "rated",
            "prompt": "How many?",
            "image": "images/s0.png",
            "completions": rated,
            "rating_scale": 5,
        },
        {"id": "tied", "prompt": "Why?", "completions": [{"response": w, "rating": 3} for w in ("a", "b")]},
        {"id": "labelled", "prompt": "Is it so?", "completion": "It is.", "label": False},
        {"id": "pair", "prompt": "So?", "chosen": "Yes.", "rejected": "Reject me.", "images": ["images/s1.png"]},
        tools,
        literal,
        example,
        later,
        weighed,
    ]
    return rows, judged


def human(text: str) -> dict[str, str]:
    return {"from": "human", "value": text}


def gpt(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def write_strange(folder: Path) -> None:
    endings = {0: "PNG", 1: "JPEG", 2: "WEBP", 3: "PNG"}
    for number, form in endings.items():
        Image.new("RGB", (24, 16 + number), (60 * number, 90, 20)).save(folder / "images" / f"s{number}.png", form)
    rows, judged = strange_rows()
    (folder / "strange.json").write_text(json.dumps(rows), "utf-8")
    for row in judged:
        (folder / f"{row['id']}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")


def publish_version(
    lake: Lake, deliveries: list[str], policy: Policy, audits: tuple[str, ...] = ("difficulty",)
) -> None:
    """What the curriculum weighs and is not among the audits that were measured, as `d0`, it does without."""
    settings = replace(load_settings(), policy=policy)
    weighed = {k: v for k, v in settings.curriculum.prompt_difficulty.items() if k.partition(".")[0] in audits}
    candidate = build_candidate(
        lake,
        deliveries=deliveries,
        measures=dict.fromkeys(audits, "d0"),
        settings=replace(settings, curriculum=replace(settings.curriculum, prompt_difficulty=weighed)),
        code="code",
        encoder="encoder",
        progress=SilentProgress(),
    )
    assert publish(lake, candidate, {})


@dataclass(frozen=True)
class Row:
    """What must come back of one place of the curriculum."""

    example_id: str
    kind: str
    stage: int
    position: int
    weight: float
    source_id: str
    texts: list[str]
    pictures: list[bytes]
    roles: list[str]
    messages: tuple[Message, ...]
    """All turns, candidates of a preference among them."""


@dataclass(frozen=True)
class Published:
    lake: Lake
    rows: list[Row]

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]

    def learned(self) -> list[Row]:
        """SFT rows of which every answer is learned, with the weight of its row."""
        return [row for row in self.of("sft") if not any(m.role == "context" or m.loss for m in row.messages)]


def publish_demo(root: Path) -> Published:
    """Two versions of a lake with the demo's drop and strange rows in it; its rows as they stand in the lake."""
    build(root / "demo", record=root / "planted.jsonl", conversations=60)
    write_strange(root / "demo")
    lake = Lake(root / "lake")
    taken = ingest(lake, root / "demo", "demo", settings=IngestSettings(), progress=SilentProgress())
    examples = lake.read(EXAMPLES)
    strange = {row["id"] for rows in strange_rows() for row in rows}
    assert strange <= set(examples["source_id"].to_pylist())
    measure_difficulty(lake, taken.delivery)
    publish_version(lake, [taken.delivery], POLICY)
    publish_version(lake, [taken.delivery], Policy())
    return Published(lake, expected_rows(lake, 1))


def stored_messages(example: dict[str, Any]) -> tuple[Message, ...]:
    """The messages of an example in the lake; pictures are numbered as the parts of each show them."""
    records = example["messages"]
    losses = loss_weights(example["metadata"]) or [None] * len(records)
    return tuple(replace(stored_message(record), loss=loss) for record, loss in zip(records, losses, strict=True))


def stored_message(record: dict[str, Any]) -> Message:
    """A message of the lake; its pictures are numbered as its parts show them."""
    numbers = iter(range(len(record["parts"])))
    parts = (Part(part["text"]) if part["image_id"] is None else Part(image=next(numbers)) for part in record["parts"])
    return Message(record["role"], tuple(parts))


def expected_rows(lake: Lake, number: int) -> list[Row]:
    examples = {row["example_id"]: row for row in lake.read(EXAMPLES).to_pylist()}
    curated = {row["example_id"]: row for row in lake.read(CURATED, where={"version": number}).to_pylist()}
    data = {row["image_id"]: row["bytes"] for row in lake.read(IMAGES).to_pylist()}
    places = sorted(lake.read(CURRICULUM, where={"version": number}).to_pylist(), key=lambda row: row["position"])
    rows: list[Row] = []
    for place in places:
        example = examples[place["example_id"]]
        parts = [part for said in example["messages"] for part in said["parts"]]
        row = Row(
            place["example_id"],
            example["kind"],
            place["stage"],
            place["position"],
            curated[place["example_id"]]["weight"],
            example["source_id"],
            [part["text"] for part in parts if part["text"]],
            [data[part["image_id"]] for part in parts if part["image_id"]],
            [said["role"] for said in example["messages"]],
            stored_messages(example),
        )
        rows.append(row)
    return rows


def export(published: Published, folder: Path, to: str, **options: Any) -> Exported:
    given = {"shard_rows": 17, "progress": SilentProgress(), **options}
    return export_version(published.lake, 1, to=to, folder=folder, **given)


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def same_pictures(pictures: list[Any], row: Row) -> bool:
    arrays = [np.asarray(image.convert("RGB")) for image in pictures]
    return len(arrays) == len(row.pictures) and all(
        np.array_equal(array, pixels(other)) for array, other in zip(arrays, row.pictures, strict=True)
    )
