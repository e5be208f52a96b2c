"""How much an example asks of a learner, as far as its text and its pictures tell.

Counts over one conversation: the assistant's turns and words, the pictures, the words of all turns that tell of
relations between things ("left of", "taller", "between") and of reasoning ("because", "therefore", "how many"). The
word lists are English; on other languages these two columns are mostly zero and then say nothing, while the others
hold. A preference example counts its chosen answer, a prompt of RL what it asks: it has no answer.

Of the pictures: `megapixels`, `edge_share` (pixels on an edge, by Sobel's gradient) and `entropy_bits` (of lightness),
the latter two at 64 pixels a side so that they compare, and `text_share`, the share of the picture that looks written
(strokes side by side in lines, at 640 pixels a side; ops.vision.image_complexity); of several pictures the sum, and
the means. They are null for text, and each for images stored before ingest looked at it: the curriculum ranks an
example by the means of those that are known. `text_share` finds lines of writing of about 14 pixels and more, not what
they say; fences, foliage and shelves of books may count as written. `grounded_phrases` counts the different noun
phrases of the answers (a short answer is one) that fit a picture of the example better than they fit other pictures on
average; null where a vector is missing, so it needs the encoder and is as blind as that is, and where no turn is in
English, whatever languages the encoder reads. The curriculum
weighs the columns (`curriculum.difficulty`).
"""

import numpy as np
import pyarrow as pa

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.ranges import COUNT, SHARE, Range, column
from ops.core.arrow import AnyArray, Column, list_lengths, list_members, list_parents, values_of, whole
from ops.core.arrow_texts import count_matches
from ops.core.message_columns import message_columns
from ops.core.turns import GROUND_TRUTH, ROLLOUT
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable
from ops.grounding.grounded_phrases import grounded_phrases
from ops.grounding.scores import scored_texts

RELATIONS = (
    "left",
    "right",
    "above",
    "below",
    "under",
    "behind",
    "between",
    "beside",
    "next to",
    "in front of",
    "on top of",
    "inside",
    "outside",
    "near(?:er|est)?",
    "far(?:ther|thest)?",
    "closest",
    "larg(?:er|est)",
    "small(?:er|est)",
    "tall(?:er|est)",
    "than",
)
REASONS = (
    "because",
    "therefore",
    "thus",
    "hence",
    "since",
    "why",
    "how many",
    "how much",
    "count",
    "compare",
    "difference",
    "explain",
    "infer",
    "conclude",
    "suggests?",
    "implies",
    "calculate",
    "step by step",
    "first",
    "finally",
)
_ANSWERS = ["assistant", "chosen", "response"]
_LEFT_OUT = ["rejected", GROUND_TRUTH, ROLLOUT]

COLUMNS = pa.schema(
    [
        column("turns", pa.int32(), COUNT),
        column("answer_words", pa.int32(), COUNT),
        column("images", pa.int32(), COUNT),
        column("relation_words", pa.int32(), COUNT),
        column("reasoning_words", pa.int32(), COUNT),
        column("megapixels", pa.float32(), Range(0)),
        column("edge_share", pa.float32(), SHARE),
        column("entropy_bits", pa.float32(), Range(0, 8)),
        column("text_share", pa.float32(), SHARE),
        column("grounded_phrases", pa.int32(), COUNT),
    ]
)


def measure(inputs: RowInputs, settings: None) -> pa.Table:
    """Counts of each example."""
    examples = inputs.examples.combine_chunks()
    messages = message_columns(examples)
    answers, spoken = messages.is_of(*_ANSWERS), ~messages.is_of(*_LEFT_OUT)
    image_ids = whole(examples, "image_ids")

    def occurrences(pattern: str, among: np.ndarray) -> AnyArray:
        places = np.flatnonzero(among[messages.message])
        counts = count_matches(messages.text, pattern, ignore_case=True)[places]
        return pa.array(messages.over_parts(counts, places).astype(np.int32))

    columns: list[Column] = [
        pa.array(messages.over_messages(answers).astype(np.int32)),
        occurrences(r"\S+", answers),
        pa.array(list_lengths(image_ids).astype(np.int32)),
        occurrences(rf"\b(?:{'|'.join(RELATIONS)})\b", spoken),
        occurrences(rf"\b(?:{'|'.join(REASONS)})\b", spoken),
        *_of_pictures(image_ids, inputs.pictures),
    ]
    named = grounded_phrases(inputs)
    columns.append(pa.array(np.nan_to_num(named).astype(np.int32), mask=np.isnan(named)))
    keys = [examples[name] for name in KEYS[Grain.EXAMPLE].names]
    return pa.table([*keys, *columns], schema=AUDIT.schema)


def _of_pictures(image_ids: AnyArray, pictures: PictureTable) -> list[AnyArray]:
    """Megapixels in all, and the means of the other figures, of each example's images; null where one is unknown."""
    owner = list_parents(image_ids)
    at = pictures.places(values_of(list_members(image_ids), str))
    figures = np.full((len(at), pictures.figures.shape[1]), np.nan)
    figures[at >= 0] = pictures.figures[at[at >= 0]]
    count = np.bincount(owner, minlength=len(image_ids))
    sums = [np.bincount(owner, weights=column, minlength=len(image_ids)) for column in figures.T]
    values = [sums[0], *(column / np.maximum(count, 1) for column in sums[1:])]
    return [pa.array(v.astype(np.float32), mask=(count == 0) | ~np.isfinite(v)) for v in values]


AUDIT = Audit(
    name="difficulty",
    title="Difficulty",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=COLUMNS,
    measure=measure,
    texts=scored_texts,
    uses_vectors=True,
    uses_pictures=True,
    revision=5,
)
