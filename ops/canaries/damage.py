"""Damages copies of a delivery's own rows, in memory. A canary shows a picture that another row of the delivery shows,
so that all that is known of pictures is known of it.

A canary's id begins with `canary-`, which no id of a delivery does: those are hashes. It is measured beside rows and
stored nowhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ops.canaries.boxes import BOX_FAULTS, RESCALED, boxed_rows, damaged_box, rescaled_boxes
from ops.canaries.rows import MARK, Row, last_answer, showing
from ops.canaries.texts import FALSE, answers_by_question, false_answer, given_answer, reward_trace, told_answers
from ops.core.identity import digest
from ops.core.schemas import BOXES

FAULTS = tuple(
    sorted(("blind_questions", "given_answer", "reward_trace", "shifted_join", "wrong_image", *FALSE, *BOX_FAULTS))
)
#: Rows of a kind that could have a fault, for each canary that has it, at least: of what audits learn from the rows
#: themselves (how often boxes hold what they say, or an encoder agrees with claims), more canaries would change it.
ROWS_EACH = 20
_CONTEXT = "context"
#: Rows of a shifted join, as many sound ones before them, and by how many rows their images slip.
_RUN, _SLIP = 24, 3


@dataclass(frozen=True, slots=True)
class Canaries:
    """Damaged rows (schemas.EXAMPLES), their boxes (schemas.BOXES), and the fault of each by its id. Rows beside them
    that are not damaged, but that they need around them, have the fault ''."""

    examples: pa.Table
    boxes: pa.Table
    faults: Mapping[str, str]

    def of(self, faults: Sequence[str]) -> pa.Table:
        """Those with one of these faults, and what they need around them."""
        kinds = {*faults, ""} if "shifted_join" in faults else set(faults)
        wanted = [self.faults[str(i)] in kinds for i in self.examples["example_id"].to_pylist()]
        return self.examples.filter(pa.array(wanted, pa.bool_()))


def canaries(examples: pa.Table, boxes: pa.Table, *, each: int) -> Canaries:
    """Canaries of each kind made of these rows and their boxes: `each`, or as many as there are rows for, and a run of
    a shifted join. The same rows give the same canaries, whatever their order."""
    rows: list[Row] = examples.to_pylist()
    ordered = sorted(rows, key=lambda row: digest(f"canary {row['example_id']}"))
    able = [row for row in ordered if len(row["image_ids"] or ()) == 1 and row["kind"] == "sft"]
    answering = [row for row in able if last_answer(row) is not None][:each]
    made = [(row, "wrong_image") for row in _wrong_images(able[:each])]
    made += [(given_answer(row), "given_answer") for row in answering]
    made += [(reward_trace(row), "reward_trace") for row in answering]
    made += _shifted_join(able[each : each + 2 * _RUN])
    made += _damaged_texts(able, each)
    boxed = list(_damaged_boxes(able, boxes.to_pylist(), each))
    made += [(row, fault) for row, _, fault in boxed]
    table = pa.Table.from_pylist([row for row, _ in made], schema=examples.schema)
    damaged = pa.Table.from_pylist([box for _, mine, _ in boxed for box in mine], schema=BOXES.schema)
    return Canaries(table, damaged, {row["example_id"]: fault for row, fault in made})


def _damaged_texts(rows: Sequence[Row], each: int) -> Iterator[tuple[Row, str]]:
    """Answers that say something false, kind by kind, and questions that tell their answers."""
    others = answers_by_question(rows)
    for fault in FALSE:
        false = [canary for row in rows if (canary := false_answer(row, fault, others))]
        yield from ((canary, fault) for canary in false[: min(each, len(false) // ROWS_EACH)])
    hinted = [canary for row in rows if (canary := told_answers(row))]
    yield from ((canary, "blind_questions") for canary in hinted[: min(each, len(hinted) // ROWS_EACH)])


def _damaged_boxes(rows: Sequence[Row], boxes: Sequence[Row], each: int) -> Iterator[tuple[Row, list[Row], str]]:
    """Rows with their boxes, and what is wrong with these."""
    every = boxed_rows(rows, boxes)
    chosen = every[: min(each, len(every) // ROWS_EACH)]
    for fault in BOX_FAULTS:
        if fault != RESCALED:
            yield from ((*damaged_box(boxed, fault), fault) for boxed in chosen)
    yield from ((row, mine, RESCALED) for row, mine in rescaled_boxes(chosen, every))


def _wrong_images(rows: Sequence[Row]) -> Iterator[Row]:
    """Each with the image of the next of them that shows another; none where all show the same."""
    for at, row in enumerate(rows):
        others = [*rows[at + 1 :], *rows[:at]]
        image = next((other["image_ids"][0] for other in others if other["image_ids"] != row["image_ids"]), None)
        if image is not None:
            yield showing(row, image, "wrong_image")


def _shifted_join(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """A file of its own: sound rows, then rows with the images of those a few rows on, going round at the end."""
    if len(rows) < 2 * _RUN:
        return []
    sound, run = rows[:_RUN], rows[_RUN:]
    images = [row["image_ids"][0] for row in run]
    made = [(showing(row, row["image_ids"][0], _CONTEXT), "") for row in sound]
    slipped = zip(run, [*images[_SLIP:], *images[:_SLIP]], strict=True)
    made += [(showing(row, image, "shifted_join"), "shifted_join") for row, image in slipped]
    for number, (row, _) in enumerate(made):
        row["provenance"] = {**(row["provenance"] or {}), "file": f"{MARK}shifted_join", "row": number}
    return made
