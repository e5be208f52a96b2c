"""Judgements that probably contradict others.

What `contradictions` finds for the same images and the same query, found for those that are nearly the same. All
judgements of a subject (a response, or a pair of responses) agree, and all judgements of the same responses elsewhere
say the opposite, where elsewhere is

- `by_image`: the same query about alike images: the perceptual hashes differ in at most `hash_distance` bits of 64
  (`hash_bits`), and at most `colour_distance` of the pixels are of another colour;
- `by_query`: the same images and a query in other words: the same words in the same order once politeness, articles,
  punctuation, mentions of the picture and what only announces a question ("One question: ...") are taken away
  (`query_similarity` 1), or the same numbers, negations, colours and comparing words and at least `query_similarity` of
  the runs of two words in common (Jaccard index);
- `by_meaning`: the same images and a query whose vector lies near: a cosine of at least `query_cosine`. Vectors tell of
  what a query speaks and hardly what it asks, so that both must also ask for the same kind of thing (a number, a place,
  a colour, yes or no, ...) with the same numbers, negations, colours and words of place. Only queries of at most 40
  words are compared in this way, for of longer ones some encoders read a part. What cosine is near depends on the
  encoder; the setting's default was chosen for the one that is shipped.

Which words decide is known in English. Of a query in another language every word decides, in its place: `by_query` and
`by_meaning` find only the same words of it, while `by_image` finds what it finds in English.

Every pair is verified: alike hashes, MinHash bands and what is asked only say what to compare, for each side of a
bucket its first 50 subjects. `is_soft_flip` is a pair of responses preferred both ways, `is_soft_good_and_bad` a
response called good and bad. `opposed` counts the subjects that say the opposite; `nearness` is how near the nearest is
(the most of 1 - `hash_bits` / 64, `query_similarity` and `query_cosine`), of which `other_delivery`, `other_example_id`
and `other_judgement_id` name a judgement. The evidence is softer than for the same images and query: a
detail of a picture or a word of a question may decide an answer, so no rule of the shipped policy acts on it.
Judgements without such a counterpart have no row.
"""

from dataclasses import asdict, dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, Suspicion, columns_of
from ops.audits.ranges import COSINE, HASH_BITS, NUMBER, SHARE, column
from ops.corpus.judged_texts import judged_queries
from ops.corpus.soft_contradictions import LINKS, soft_contradictions
from ops.corpus.tables import CorpusMeasures, CorpusTables

_FAULTS = ("near_image", "near_query")


@dataclass(frozen=True, slots=True)
class SoftContradictionSettings:
    """`audits.soft_contradictions` in assay.yaml."""

    hash_distance: int = 4
    """Bits of 64 by which the perceptual hashes of alike images may differ."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two alike images and not in the other."""
    query_similarity: float = 0.8
    """Share of the runs of two words that long queries in other words have in common."""
    query_cosine: float = 0.9
    """Cosine of the vectors of queries in other words that ask for the same."""

    def __post_init__(self) -> None:
        if not 0 <= self.hash_distance <= 16 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 16, and colour_distance in 0 to 1")
        if not 0 < self.query_similarity <= 1:
            raise ValueError(f"query_similarity is {self.query_similarity}; it must lie above 0 and be at most 1")
        if not 0 < self.query_cosine <= 1:
            raise ValueError(f"query_cosine is {self.query_cosine}; it must lie above 0 and be at most 1")


def measure(tables: CorpusTables, settings: SoftContradictionSettings) -> CorpusMeasures:
    """One row a judgement that probably contradicts others."""
    return soft_contradictions(*(tables[name] for name in AUDIT.reads), **asdict(settings)).select(*AUDIT.schema.names)


AUDIT = Audit(
    name="soft_contradictions",
    title="Judgements that probably contradict others",
    grain=Grain.JUDGEMENT,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("is_soft_flip", pa.bool_()),
            column("is_soft_good_and_bad", pa.bool_()),
            column("by_image", pa.bool_()),
            column("by_query", pa.bool_()),
            column("by_meaning", pa.bool_()),
            column("hash_bits", pa.int32(), HASH_BITS),
            column("query_similarity", pa.float64(), SHARE),
            column("query_cosine", pa.float64(), COSINE),
            column("opposed", pa.int64(), NUMBER),
            column("nearness", pa.float64(), SHARE),
            column("other_delivery", pa.string()),
            column("other_example_id", pa.string()),
            column("other_judgement_id", pa.string()),
        ]
    ),
    measure=measure,
    settings=SoftContradictionSettings(),
    links=LINKS,
    reads=columns_of(
        preferences="delivery example_id judgement_id dataset query label annotator image_ids image_key "
        "query_key response_key opponent_key",
        examples="delivery example_id kind image_ids",
        images="image_id perceptual_hash colours",
        embeddings="modality content_id vector",
    ),
    needs=("preferences",),
    texts=judged_queries,
    faults=_FAULTS,
    suspicion=Suspicion("nearness", 1, _FAULTS, unfound=0.0),
    revision=6,
)
