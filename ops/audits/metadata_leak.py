"""Answers that can be read off something other than the picture.

An answer leaks where its words stand, in their order, in a field that came with the row: its metadata (captions, tags,
alt texts, file names among them; a field is named by its path, such as `meta.caption`), its id, the name of its file,
or the question itself ("a red ball lies here. what color is the ball?" - "red"). Words are compared in lower case,
without articles, in their singular, numbers as figures. A long answer leaks where one field holds most of its telling
words, in any order.

`containment` is the share of the answer's telling words that the field with the most of them holds, `field` that
field, `source` its kind (question, metadata, id, file), `evidence` the words around the find. `is_leaked` says that
they stand there in order (answers of up to `short_words` words), or that the share is at least `long_share` of at least
`long_words` words.

Yes and no are in no field, and a number is found everywhere: a number leaks only from a field that says nothing else,
never from an id or a file name. A question that offers its answer for choice ("red or blue?", listed options) gives
nothing away, so there the question is not looked at. A field that holds the whole answer may be where a caption was
taken from, rightly: a leak says that the picture was not needed to write the answer, not that the answer is wrong.

A turn abstains where its answer is no such text, and where question or answer is not in English: the words that tell
nothing, the ways to say yes and no and the numbers are known in English alone. Turns of examples without images have no
row: without a picture, nothing is leaked.
"""

from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import SHARE, column
from ops.evidence.inputs import RowInputs
from ops.leaks.field_leaks import FieldLeakSettings, find_leaks

COLUMNS = pa.schema(
    [
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("is_leaked", pa.bool_()),
        column("source", pa.string()),  # question | metadata | id | file
        column("field", pa.string()),
        column("containment", pa.float32(), SHARE),
        column("evidence", pa.string()),
    ]
)


def measure(inputs: RowInputs, settings: FieldLeakSettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    keys = inputs.examples.select(["delivery", "example_id"]).to_pylist()
    rows: list[dict[str, Any]] = [
        keys[turn.row] | {"turn": turn.turn} | leak for turn, leak in find_leaks(inputs.examples, settings)
    ]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


AUDIT = Audit(
    name="metadata_leak",
    title="Metadata leakage",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=COLUMNS,
    measure=measure,
    settings=FieldLeakSettings(),
    faults=("blind_questions", "given_answer"),
    revision=2,
)
