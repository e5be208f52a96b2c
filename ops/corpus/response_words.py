"""What answers of SFT and judged responses are compared by: shingles of their words, in bands."""

import re
from typing import TypedDict

import pyarrow as pa

from ops.core.arrow import rows_of
from ops.core.identity import digest, text_id
from ops.core.json_values import Cell
from ops.core.key_schemas import made_schema
from ops.core.schemas import TableSpec
from ops.text.shingles import band_numbers, number_of, shingles

_BANDS = 20
"""They find a pair of similarity 0.6 with probability 0.94, 0.3 with 0.15."""
_LENGTHS = (1, 2)
_WORD = re.compile(r"\w+")


class _Response(TypedDict):
    """What of a row is looked at."""

    response: str | None


def response_words(rows: pa.RecordBatch, spec: TableSpec, *, fewest_words: int) -> pa.RecordBatch:
    """The rows (TURNS or PREFERENCES) as those of `spec` (TURN_WORDS or JUDGED_WORDS), but for `rules`. Of responses
    of fewer than `fewest_words` words nothing is told but which they are."""
    made = [{**row, **_words(row["response"] or "", fewest_words)} for row in rows_of(rows, _Response)]
    return pa.RecordBatch.from_pylist(made, schema=made_schema(spec))


def _words(text: str, fewest_words: int) -> dict[str, Cell]:
    hashes = shingles(text, *_LENGTHS) if len(_WORD.findall(text)) >= fewest_words else None
    if hashes is None or not len(hashes):
        return {"text": text_id(text)}
    return {
        "text": text_id(text),
        "words_key": number_of(digest(hashes.tobytes())),
        "shingles": hashes.view("<i4").tolist(),
        "bands": band_numbers(hashes, _BANDS).tolist(),
    }
