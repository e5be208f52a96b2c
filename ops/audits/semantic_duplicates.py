"""Semantic duplicates in SFT data.

Two examples are semantic duplicates when all that they show and say is alike by the encoder's vectors (SemDeDup, Abbas
et al., 2023), though neither the bytes nor the words are: a picture cropped by a twentieth or mirrored, a caption in
other words. What is compared is (images, question, answer) of every turn, in order, so the same image with another
question is no duplicate.

- `image_cosine`: of the least alike of their images; at least `image` in every row.
- `text_cosine`: of the least alike of their texts, turn by turn; at least `text`. A long text is compared sentence by
  sentence, and what counts is the sentence that is least like any of the other text, so that nothing may be said in one
  alone. Questions and answers are compared apart.
- `hash_bits`: bits of 64 in which the perceptual hashes of their images differ at most, turned by quarters and mirrored
  where that is nearer, 0 for the same bytes; at most `hash_distance`.
- `jaccard`: share of runs of three words in common. Where it is 0.8 and more and `hash_bits` at most 4, near_duplicates
  finds the pair as well; exact copies are left to `duplicates`.

An encoder tells what pictures and texts are about, and little more, so what decides must be equal besides. Answers of
up to three words are equal; other answers agree in their numbers, denials, colours and words that compare or point, in
the order of the words that both have where there are such words; questions also in what they ask for. Texts that tell
left from right make a mirrored picture another one. These words are English: of a text in another language every word
decides, and a mirrored picture is another one, so that captions in other words are found in English alone. Alike
vectors do not make two pictures one: in drawings of a few shapes thousands of different pictures have a cosine of 0.99,
more than a photo and its cropped copy. That is what the hash and the colours (`colour_distance`) are for; with
`hash_distance: 64` and `colour_distance: 1` the vectors alone decide, as in SemDeDup, and different pictures of the
same things become duplicates.

Examples are first clustered by the mean of their images' and of their texts' vectors (spherical k-means, fitted on a
sample by the hash of their content; `cluster_examples` to a cluster on average), then compared with all of their two
nearest clusters that agree in what decides, or with the `group_examples` that lie about as near to a centre where those
are more. So pairs on either side of a border are missed where a third cluster lies between them, which are few and
barely alike. The centres are fitted on the deliveries that came first and hold half of the corpus at least, and stored:
what came later finds its clusters by them, so that a night changes the clusters of no example. They are fitted anew
where all is measured and the corpus has doubled, or its first deliveries are not what they were. Which example stays
follows the rule of `duplicates`: a new drop loses rows and takes none, and nothing is removed through a third.

Pictures that were turned, or cropped by more than about a tenth, are mostly missed, and captions in quite other words.
Left out are examples without an image (an encoder of images reads captions, and little else), those with a message of
more than twelve sentences, and those of which something is not embedded. The rows depend on the encoder.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Clusters, Grain, Scope, Suspicion, columns_of
from ops.audits.ranges import COSINE, HASH_BITS, SHARE, column
from ops.core.key_schemas import EXAMPLE_CLUSTERS
from ops.corpus.alike_examples import Cuts
from ops.corpus.semantic_duplicates import LINKS, cluster_centres, clustered_examples, semantic_duplicates
from ops.corpus.tables import CorpusMeasures, CorpusRows, CorpusTables
from ops.text.likeness import compared_texts


@dataclass(frozen=True, slots=True)
class SemanticDuplicateSettings:
    """`audits.semantic_duplicates` in assay.yaml."""

    image: float = 0.9
    """Cosine from which two images are alike."""
    text: float = 0.9
    """Cosine from which two texts are alike."""
    hash_distance: int = 12
    """Bits of 64 by which the perceptual hashes of alike images may differ, however turned."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two alike images and not in the other."""
    cluster_examples: int = 500
    """Examples of a cluster, on average, where the centres are fitted."""
    group_examples: int = 500
    """Examples of a cluster, alike in what decides, that are compared with each other at most."""

    def __post_init__(self) -> None:
        if not 0 < self.image <= 1 or not 0 < self.text <= 1:
            raise ValueError("image and text must lie above 0 and up to 1")
        if not 0 <= self.hash_distance <= 64 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 64, and colour_distance in 0 to 1")
        if self.cluster_examples < 1 or self.group_examples < 2:
            raise ValueError("cluster_examples must be at least 1, and group_examples at least 2")

    @property
    def cuts(self) -> Cuts:
        """What a pair must meet."""
        return Cuts(self.image, self.text, self.hash_distance, self.colour_distance, self.group_examples)


def wanted_texts(examples: pa.Table) -> list[str]:
    """The texts that must be embedded: questions and longer answers of SFT examples with images, by sentences."""
    described = zip(*(examples[name].to_pylist() for name in ("kind", "image_ids", "messages")), strict=True)
    return [
        text for kind, ids, messages in described if kind == "sft" and ids for text in compared_texts(messages or ())
    ]


def _centres(tables: CorpusTables, settings: SemanticDuplicateSettings) -> np.ndarray:
    return cluster_centres(tables["examples"], tables["embeddings"], cluster_examples=settings.cluster_examples)


def _clustered(tables: CorpusTables, centres: np.ndarray) -> CorpusRows:
    return clustered_examples(tables["examples"], tables["embeddings"], centres=centres)


CLUSTERS = Clusters(
    EXAMPLE_CLUSTERS,
    reads=columns_of(
        examples="delivery example_id content_id kind messages image_ids repairs",
        embeddings="modality content_id vector",
    ),
    centres=_centres,
    rows=_clustered,
    settings=lambda settings: (settings.cluster_examples,),
    revision=2,
)


def measure(
    tables: CorpusTables, settings: SemanticDuplicateSettings, *, settled: CorpusMeasures | None = None
) -> CorpusMeasures:
    """One row a redundant example."""
    read = (tables[name] for name in AUDIT.reads)
    return semantic_duplicates(*read, settled=settled, cuts=settings.cuts).select(*AUDIT.schema.names)


AUDIT = Audit(
    name="semantic_duplicates",
    title="Semantic duplicates",
    grain=Grain.PAIR,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("image_cosine", pa.float64(), COSINE),
            column("text_cosine", pa.float64(), COSINE),
            column("hash_bits", pa.int32(), HASH_BITS),
            column("jaccard", pa.float64(), SHARE),
            column("same_delivery", pa.bool_()),
        ]
    ),
    measure=measure,
    settings=SemanticDuplicateSettings(),
    reads=columns_of(
        example_clusters="delivery example_id repairs dialogue_key decides clusters nearness",
        examples="delivery example_id content_id messages image_ids repairs",
        images="image_id perceptual_hash colours",
        arrivals="delivery arrival",
        embeddings="modality content_id vector",
    ),
    clusters=CLUSTERS,
    links=LINKS,
    texts=wanted_texts,
    faults=("retold_copy",),
    suspicion=Suspicion("text_cosine", 1, ("retold_copy",), unfound=0.0),
    revision=5,
)
