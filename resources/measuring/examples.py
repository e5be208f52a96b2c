"""The examples of a delivery, as workers read them, and the texts that audits want of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.arrow import nullable_values
from ops.core.schemas import BOXES, EXAMPLES
from ops.evidence.inputs import RowInputs
from ops.vision.regions import EVERYDAY, Phrase, naming
from resources.lake.parts import Part
from resources.lake.tables import Lake

_BATCH_ROWS = 8192


def delivery_parts(lake: Lake, delivery: str, *, rows: int | None = None) -> list[Part]:
    """The delivery's examples, in parts of at most about so many rows; files as they are where None."""
    return lake.parts(EXAMPLES, where={"delivery": delivery}, rows=rows)


def example_batches(lake: Lake, parts: Sequence[Part]) -> Iterator[pa.Table]:
    """Their examples, a few thousand at a time."""
    for batch in lake.batches(EXAMPLES, parts=parts, batch_rows=_BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def source_files(examples: pa.Table) -> list[str | None]:
    """The file of the drop that each example came from."""
    return nullable_values(examples.select(["provenance"]).flatten(), "provenance.file", str)


def example_boxes(lake: Lake, examples: pa.Table) -> pa.Table:
    """The boxes of these examples; those of a reading before boxes were read have none."""
    where = {"delivery": list(set(examples["delivery"].to_pylist())), "example_id": examples["example_id"]}
    return lake.read(BOXES, where=where)


def row_inputs(
    lake: Lake, batches: Iterable[pa.Table], beside: RowInputs, audits: Sequence[Audit]
) -> Iterator[RowInputs]:
    """The batches, each with what these audits look at beside it: their boxes are read here."""
    for examples in batches:
        inputs = replace(beside, examples=examples)
        if any(audit.uses_boxes for audit in audits):
            inputs = replace(inputs, boxes=example_boxes(lake, examples))
        yield inputs


def wanted_texts(lake: Lake, examples: pa.Table, audits: Iterable[Audit] | None = None) -> set[str]:
    """The texts of these examples, and of their boxes, that some audit, of all or of those given, wants embedded."""
    asking = list(all_audits().values() if audits is None else audits)
    texts = {text for audit in asking if audit.texts is not None for text in audit.texts(examples)}
    named = wanted_box_phrases(lake, examples, asking)
    return texts | ({phrase.text for phrase in named} | {naming(thing) for thing in EVERYDAY} if named else set())


def wanted_box_phrases(lake: Lake, examples: pa.Table, audits: Iterable[Audit]) -> set[Phrase]:
    """The phrases of the examples' boxes that some of these audits wants found in pictures."""
    finders = [audit.box_phrases for audit in audits if audit.box_phrases is not None]
    boxes = example_boxes(lake, examples) if finders and examples.num_rows else BOXES.schema.empty_table()
    return {phrase for find in finders for phrase in find(boxes)} if boxes.num_rows else set()
