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
        self._alike = self._found(images, image_cosine) if known.seen else {}

    def items(self, image_ids: Iterable[str]) -> dict[int, float]:
        """Items that show an image alike to one of these, with the cosine of the nearest."""
        found: dict[int, float] = {}
        for image in image_ids:
            for other, cosine in self._alike.get(image, ()):
                found |= {at: max(cosine, found.get(at, cosine)) for at in self.known.by_image[other]}
        return found

    def question(self, asked: Sequence[str], at: int) -> float | None:
        """Cosine of the most alike of these questions and the item's, of those that ask for the same."""
        pairs = ((one, other) for one in asked for other in self.known.items[at].asked)
        cosines = [self._cosine(one, other) for one, other in pairs if _asks_the_same(one, other)]
        return max((cosine for cosine in cosines if cosine is not None), default=None)

    def _found(self, images: Vectors, least: float) -> dict[str, list[tuple[str, float]]]:
        """By image of the examples: the images of the sets that are alike, and their cosine."""
        seen = self.known.seen
        theirs = _gathered(images, list(seen))
        ours = _gathered(images, sorted(one for one, look in self.looks.items() if look is not None))
        found: dict[str, list[tuple[str, float]]] = {}
        for start in range(0, len(ours[0]) if len(theirs[0]) else 0, _BLOCK):
            ids, vectors = ours[0][start : start + _BLOCK], ours[1][start : start + _BLOCK]
            cosines = np.round(vectors @ theirs[1].T, _DIGITS)
            for one, other in np.argwhere(cosines >= least).tolist():
                own, rival = self.looks[ids[one]], seen[theirs[0][other]]
                if own is not None and self._is_same(own, rival):
                    found.setdefault(ids[one], []).append((theirs[0][other], float(cosines[one, other])))
        return found

    def _is_same(self, own: Look, rival: Look) -> bool:
        near = bits_apart(own.hash, rival.hash, turned=True) <= self._bits
        return near and colour_apart(own.colours, rival.colours) <= self._colour

    def _cosine(self, one: str, other: str) -> float | None:
        vectors: list[np.ndarray] = []
        for text in (one, other):
            ids = [text_id(piece) for piece in compared_pieces("user", text)]
            found, known = self.texts.gather(ids)
            if not ids or not known.all():
                return None
            vectors.append(unit(found))
        return float(
            np.round(text_cosines(vectors[0], [len(vectors[0])], vectors[1], [len(vectors[1])]), _DIGITS)[0, 0]
        )


def _gathered(images: Vectors, ids: list[str]) -> tuple[list[str], np.ndarray]:
    """Those of the ids that have a vector, and their unit vectors."""
    vectors, known = images.gather(ids)
    return [one for one, there in zip(ids, known, strict=True) if there], vectors[known]


def _asks_the_same(question: str, other: str) -> bool:
    return deciding("user", question) == deciding("user", other) and same_order(question, other)
