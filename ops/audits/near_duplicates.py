"""Near duplicates in SFT data.

Two examples are near duplicates when they show the same images (by content, in order), their short answers are equal,
and their texts share at least `threshold` of their word shingles (Jaccard similarity; Broder, 1997). Alike texts are
found by MinHash in 16 bands and then compared exactly. The same image with another question is no duplicate: another
question has other shingles.

One row for each redundant example, naming the member that stays and how alike the two are. Each is compared with the
one that stays, never through a third, so that a chain of small changes does not end in removing what is far apart; an
example that is near to a redundant one only stays. In a bucket of alike examples each is compared with the 20 that
would be kept first. Which stays is decided as for exact duplicates, which have their own audit. Images that were
scaled or stored anew are not recognised, nor are texts that say the same in other words.
"""

from dataclasses import dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.corpus.near_duplicates import near_duplicates


@dataclass(frozen=True, slots=True)
class NearDuplicateSettings:
    """`audits.near_duplicates` in assay.yaml."""

    threshold: float = 0.8
    """Share of word shingles in common from which two texts are near duplicates."""
    words: int = 3
    """Words of a shingle."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or self.words < 1:
            raise ValueError("threshold must lie above 0 and up to 1, and words be at least 1")


AUDIT = Audit(
    name="near_duplicates",
    title="Near duplicates",
    grain=Grain.PAIR,
    scope=Scope.CORPUS,
    columns=pa.schema([("jaccard", pa.float64()), ("same_delivery", pa.bool_())]),
    measure=lambda tables, settings: near_duplicates(
        tables["examples"], threshold=settings.threshold, words=settings.words
    ).select(*AUDIT.schema.names),
    settings=NearDuplicateSettings(),
)
