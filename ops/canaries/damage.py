"""Damages copies of a delivery's own rows, in memory. A canary shows a picture that another row of the delivery shows,
so that all that is known of pictures is known of it; where a text changes, none but audits that read texts look at it.

A canary's id begins with `canary-`, which no id of a delivery does: those are hashes. It is measured beside rows and
stored nowhere."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.core.identity import digest

MARK = "canary-"
FAULTS = ("given_answer", "reward_trace", "shifted_join", "wrong_image")
_CONTEXT = "context"
#: Rows of a shifted join, as many sound ones before them, and by how many rows their images slip.
_RUN, _SLIP = 24, 3
#: What judges and reward models leave behind, after the published prompts of judges.
_TRACES = (
    "Rating: [[7]]",
    "Score: 4/5",
    "My final verdict is: [[B]]",
    "<|reward|> 0.82",
    "Response A is more accurate than response B.",
    "I would rate this answer 8 out of 10.",
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Canaries:
    """Damaged rows (schemas.EXAMPLES), and the fault of each by its id. Rows beside them that are not damaged, but that
    they need around them, have the fault ''."""

    examples: pa.Table
    faults: Mapping[str, str]

    def of(self, faults: Sequence[str]) -> pa.Table:
        """Those with one of these faults, and what they need around them."""
        kinds = {*faults, ""} if "shifted_join" in faults else set(faults)
        wanted = [self.faults[str(i)] in kinds for i in self.examples["example_id"].to_pylist()]
        return self.examples.filter(pa.array(wanted, pa.bool_()))


def canaries(examples: pa.Table, *, each: int) -> Canaries:
    """Canaries of each kind made of these rows: `each`, or as many as there are rows for, and a run of a shifted join.
    The same rows give the same canaries, whatever their order."""
    rows: list[Row] = examples.to_pylist()
    ordered = sorted(rows, key=lambda row: digest(f"canary {row['example_id']}"))
    able = [row for row in ordered if len(row["image_ids"] or ()) == 1 and row["kind"] == "sft"]
    answering = [row for row in able if _answer(row) is not None][:each]
    made = [(row, "wrong_image") for row in _wrong_images(able[:each])]
    made += [(_given_answer(row), "given_answer") for row in answering]
    made += [(_reward_trace(row), "reward_trace") for row in answering]
    made += _shifted_join(able[each : each + 2 * _RUN])
    table = pa.Table.from_pylist([row for row, _ in made], schema=examples.schema)
    return Canaries(table, {row["example_id"]: fault for row, fault in made})


def _wrong_images(rows: Sequence[Row]) -> Iterator[Row]:
    """Each with the image of the next of them that shows another; none where all show the same."""
    for at, row in enumerate(rows):
        others = [*rows[at + 1 :], *rows[:at]]
        image = next((other["image_ids"][0] for other in others if other["image_ids"] != row["image_ids"]), None)
        if image is not None:
            yield _showing(row, image, "wrong_image")


def _given_answer(row: Row) -> Row:
    """The last answer stands word for word in a field beside the conversation."""
    return _marked(row, "given_answer") | {"metadata": json.dumps({"note": _answer(row)})}


def _reward_trace(row: Row) -> Row:
    """A judge's line follows the last answer."""
    trace = _TRACES[int(digest(f"trace {row['example_id']}", size=4), 16) % len(_TRACES)]
    return _marked(row, "reward_trace") | {"messages": _answering(row, lambda answer: f"{answer}\n{trace}")}


def _shifted_join(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """A file of its own: sound rows, then rows with the images of those a few rows on, going round at the end."""
    if len(rows) < 2 * _RUN:
        return []
    sound, run = rows[:_RUN], rows[_RUN:]
    images = [row["image_ids"][0] for row in run]
    made = [(_showing(row, row["image_ids"][0], _CONTEXT), "") for row in sound]
    slipped = zip(run, [*images[_SLIP:], *images[:_SLIP]], strict=True)
    made += [(_showing(row, image, "shifted_join"), "shifted_join") for row, image in slipped]
    for number, (row, _) in enumerate(made):
        row["provenance"] = {**(row["provenance"] or {}), "file": f"{MARK}shifted_join", "row": number}
    return made


def _showing(row: Row, image: str, name: str) -> Row:
    """A copy of a row with one image, which shows this one instead."""
    messages = [
        {**message, "parts": [{**part, "image_id": image} if part["image_id"] else part for part in message["parts"]]}
        for message in row["messages"]
    ]
    return _marked(row, name) | {"messages": messages, "image_ids": [image]}


def _answer(row: Row) -> str | None:
    """The text that ends the row, where an assistant's does."""
    messages: list[Row] = row["messages"] or []
    if not messages or messages[-1]["role"] != "assistant" or not messages[-1]["parts"]:
        return None
    return messages[-1]["parts"][-1]["text"] or None


def _answering(row: Row, change: Callable[[str], str]) -> list[Row]:
    """The messages, with the text that ends the row changed."""
    *before, last = row["messages"]
    *parts, text = last["parts"]
    return [*before, {**last, "parts": [*parts, {**text, "text": change(text["text"])}]}]


def _marked(row: Row, name: str) -> Row:
    marked = f"{MARK}{name}-{row['example_id']}"
    return {**row, "example_id": marked, "source_id": marked}
