"""Near duplicates in SFT data.

Two examples are near duplicates when the images that they show are alike, in order, their short answers are equal, and
their texts share at least `threshold` of their word shingles (Jaccard similarity; Broder, 1997). The same image with
another question is no duplicate: another question has other shingles.

Images are alike when they are the same bytes, or when their perceptual hashes (64 bits of a cosine transform) differ in
at most `hash_distance` bits and no colour covers `colour_distance` more of one than of the other; the hash sees
lightness alone. This finds images that were scaled or stored anew, not those that were cropped or turned. Alike hashes
are found by shared bits, so that none is missed, and alike texts by MinHash in 16 bands; then each pair is compared as
a whole.

One row for each redundant example, naming the member that stays, how alike the two texts are, and by how many bits
their images differ (`hash_bits`, 0 for the same bytes). Each is compared with the one that stays, never through a
third, so that a chain of small changes does not end in removing what is far apart; an example that is near to a
redundant one only stays. In a bucket of alike examples each is compared with the 20 that would be kept first. Which
stays is decided as for exact duplicates, which have their own audit: a new drop loses rows to the corpus and takes none
from it. Texts that say the same in other words are not recognised.
"""

from dataclasses import dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, StoredKeys, Suspicion, columns_of
from ops.audits.ranges import HASH_BITS, SHARE, column
from ops.core.key_schemas import DIALOGUE_BANDS
from ops.core.schemas import EXAMPLES
from ops.corpus.dialogue_bands import dialogue_bands
from ops.corpus.near_duplicates import LINKS, near_duplicates
from ops.corpus.tables import CorpusMeasures, CorpusTables

_FAULTS = ("reworded_copy", "reencoded_image")


@dataclass(frozen=True, slots=True)
class NearDuplicateSettings:
    """`audits.near_duplicates` in assay.yaml."""

    threshold: float = 0.8
    """Share of word shingles in common from which two texts are near duplicates."""
    words: int = 3
    """Words of a shingle."""
    hash_distance: int = 4
    """Bits of 64 by which the perceptual hashes of alike images may differ."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two alike images and not in the other."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or self.words < 1:
            raise ValueError("threshold must lie above 0 and up to 1, and words be at least 1")
        if not 0 <= self.hash_distance <= 16 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 16, and colour_distance in 0 to 1")


def _keys(examples: pa.RecordBatch, settings: NearDuplicateSettings) -> pa.RecordBatch:
    return dialogue_bands(examples, words=settings.words)


KEYS = StoredKeys(
    DIALOGUE_BANDS,
    made_from=EXAMPLES,
    columns=("delivery", "example_id", "kind", "messages", "image_ids", "repairs"),
    rows=_keys,
    settings=lambda settings: (settings.words,),
    revision=2,
)


def measure(
    tables: CorpusTables, settings: NearDuplicateSettings, *, settled: CorpusMeasures | None = None
) -> CorpusMeasures:
    """One row a redundant example."""
    return near_duplicates(
        *(tables[name] for name in AUDIT.reads),
        settled=settled,
        threshold=settings.threshold,
        words=settings.words,
        distance=settings.hash_distance,
        colour=settings.colour_distance,
    ).select(*AUDIT.schema.names)


AUDIT = Audit(
    name="near_duplicates",
    title="Near duplicates",
    grain=Grain.PAIR,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("jaccard", pa.float64(), SHARE),
            column("hash_bits", pa.int32(), HASH_BITS),
            column("same_delivery", pa.bool_()),
        ]
    ),
    measure=measure,
    settings=NearDuplicateSettings(),
    reads=columns_of(
        dialogue_bands="delivery example_id repairs dialogue_key first_image bands",
        examples="delivery example_id messages image_ids",
        images="image_id perceptual_hash colours",
        arrivals="delivery arrival",
    ),
    keys=(KEYS,),
    links=LINKS,
    faults=_FAULTS,
    suspicion=Suspicion("jaccard", 1, _FAULTS, unfound=0.0),
    revision=5,
)
