"""Images and questions of evaluation sets that are alike to those of examples by the encoder's vectors."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ops.core.identity import text_id
from ops.core.vectors import Vectors, unit
from ops.evidence.picture_table import Look
from ops.leaks.evaluation_sets import Index
from ops.text.likeness import bits_apart, compared_pieces, deciding, same_order, text_cosines
from ops.vision.image_groups import colour_apart

_BLOCK = 1024  # images of examples that are compared with all of the sets' at once
_DIGITS = 5


class Likeness:
    """What of the evaluation sets is alike to the images of a batch of examples, and to questions.

    `images` and `texts` hold the vectors of the examples and of the sets; what has none is alike to nothing. `looks`
    are those of the examples' images.
    """

    def __init__(
        self,
        known: Index,
        images: Vectors,
        texts: Vectors,
        looks: Mapping[str, Look | None],
        *,
        image_cosine: float,
        bits: int,
        colour: float,
    ) -> None:
        self.known = known
        self.texts = texts
        self.looks = looks
        self._bits = bits
        self._colour = colour
        self._alike = self._alike_images(images, image_cosine) if known.looks_by_image else {}

    def items(self, image_ids: Iterable[str]) -> dict[int, float]:
        """Items that show an image alike to one of these, with the cosine of the nearest."""
        cosines: dict[int, float] = {}
        for image in image_ids:
            for other, cosine in self._alike.get(image, ()):
                cosines |= {at: max(cosine, cosines.get(at, cosine)) for at in self.known.by_image[other]}
        return cosines

    def question(self, asked: Sequence[str], at: int) -> float | None:
        """Cosine of the most alike of these questions and the item's, of those that ask for the same."""
        pairs = ((question, theirs) for question in asked for theirs in self.known.items[at].asked)
        cosines = [self._cosine(question, theirs) for question, theirs in pairs if _asks_the_same(question, theirs)]
        return max((cosine for cosine in cosines if cosine is not None), default=None)

    def _alike_images(self, images: Vectors, least: float) -> dict[str, list[tuple[str, float]]]:
        """By image of the examples: the images of the sets that are alike, and their cosine."""
        known_looks = self.known.looks_by_image
        theirs = _gathered(images, list(known_looks))
        ours = _gathered(images, sorted(row for row, look in self.looks.items() if look is not None))
        alike: dict[str, list[tuple[str, float]]] = {}
        for start in range(0, len(ours[0]) if len(theirs[0]) else 0, _BLOCK):
            ids, vectors = ours[0][start : start + _BLOCK], ours[1][start : start + _BLOCK]
            cosines = np.round(vectors @ theirs[1].T, _DIGITS)
            for row, column in np.argwhere(cosines >= least).tolist():
                own, rival = self.looks[ids[row]], known_looks[theirs[0][column]]
                if own is not None and self._is_same(own, rival):
                    alike.setdefault(ids[row], []).append((theirs[0][column], float(cosines[row, column])))
        return alike

    def _is_same(self, own: Look, rival: Look) -> bool:
        near = bits_apart(own.hash, rival.hash, turned=True) <= self._bits
        return near and colour_apart(own.colours, rival.colours) <= self._colour

    def _cosine(self, question: str, theirs: str) -> float | None:
        vectors: list[np.ndarray] = []
        for text in (question, theirs):
            ids = [text_id(piece) for piece in compared_pieces("user", text)]
            gathered, known = self.texts.gather(ids)
            if not ids or not known.all():
                return None
            vectors.append(unit(gathered))
        return float(
            np.round(text_cosines(vectors[0], [len(vectors[0])], vectors[1], [len(vectors[1])]), _DIGITS)[0, 0]
        )


def _gathered(images: Vectors, ids: list[str]) -> tuple[list[str], np.ndarray]:
    """Those of the ids that have a vector, and their unit vectors."""
    vectors, known = images.gather(ids)
    return [image for image, there in zip(ids, known, strict=True) if there], vectors[known]


def _asks_the_same(question: str, other: str) -> bool:
    return deciding("user", question) == deciding("user", other) and same_order(question, other)
