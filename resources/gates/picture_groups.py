"""Groups of alike pictures among the sample of a candidate, by the encoder's vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.core.log import Row
from resources.gates.diversity import Embedded, answer_of, mean_vectors, question_of
from resources.gates.picture_clusters import FEWEST, PictureClusters, lasting_clusters
from resources.lake.tables import Lake

_WORDS, _SIGNS = 3, 60
"""An answer of fewer words does not name a picture without its question; and where a name is cut."""


@dataclass(frozen=True, slots=True)
class PictureGroups:
    """Clusters of alike pictures, each called the longest that was said of the picture nearest to its centre when it
    was found: `of_examples` (n) names that of each sampled example, '' where it has none."""

    of_examples: Sequence[str]
    clusters: PictureClusters | None = None
    encoder: str = ""

    @classmethod
    def of(cls, lake: Lake, rows: Sequence[Row], embedded: Embedded, *, encoder: str) -> "PictureGroups":
        """Of the sampled examples, some of which are embedded, by the clusters that the lake keeps."""
        none = [""] * len(rows)
        if len(embedded.vectors) < FEWEST:
            return cls(none)
        places = [int(place) for place in embedded.places]
        captions = _captions([rows[place] for place in places])
        clusters = lasting_clusters(lake, embedded.vectors, captions, encoder=encoder)
        for place, name in zip(places, clusters.nearest(embedded.vectors), strict=True):
            none[place] = name
        return cls(none, clusters, encoder)

    def of_images(self, lake: Lake, images: Sequence[str]) -> dict[str, str]:
        """The group that each of these images would be of, where it is embedded and there are groups."""
        if self.clusters is None:
            return {}
        known = mean_vectors(lake, [[image] for image in images], self.encoder)
        if not len(known.vectors):
            return {}
        pairs = zip(known.places, self.clusters.nearest(known.vectors), strict=True)
        return {images[int(place)]: name for place, name in pairs}


def _captions(rows: Sequence[Row]) -> list[str]:
    """What is said of the pictures of each example at most length, by whichever example says it."""
    pictures = [tuple(row["image_ids"]) for row in rows]
    texts = [(len(answer_of(row["messages"]).split()), _caption(row)) for row in rows]
    longest: dict[tuple[str, ...], tuple[int, str]] = {}
    for own, text in zip(pictures, texts, strict=True):
        longest[own] = max(longest.get(own, text), text)
    return [longest[own][1] for own in pictures]


def _caption(row: Row) -> str:
    """What is said of an example's pictures, in one short line."""
    answer = " ".join(answer_of(row["messages"]).split())
    text = answer if len(answer.split()) >= _WORDS else f"{' '.join(question_of(row['messages']).split())} {answer}"
    return text if len(text) <= _SIGNS else f"{text[: _SIGNS - 1].rstrip()}…"
