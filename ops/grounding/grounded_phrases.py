"""How many different things an example names that are there to be seen."""

import re

import numpy as np

from ops.core.identity import text_id
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import TIE
from ops.text.image_turns import image_turns

_CHUNK = 4096
_ARTICLE = re.compile(r"^(an?|the|this|that|these|those|his|her|its|their) ")


def grounded_phrases(inputs: RowInputs) -> np.ndarray:
    """Distinct noun phrases of each example's answers (n, float64) that fit one of its images better than they fit the
    bank's images on average. A short answer is one phrase, as the statement that it makes of its question. NaN where no
    phrase and image have vectors, or there is no bank."""
    counts = np.full(inputs.examples.num_rows, np.nan)
    pairs = _phrases(inputs)
    if not pairs or not len(inputs.bank_images) or not inputs.bank_images.matrix.shape[1]:
        return counts
    usual = inputs.bank_images.matrix.astype(np.float32).mean(axis=0)
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        rows = np.array([row for row, _, _ in chunk])
        gain, known = _gains(inputs, [text for _, text, _ in chunk], [images for _, _, images in chunk], usual)
        counts[rows[known]] = np.nan_to_num(counts[rows[known]])
        np.add.at(counts, rows[known & (gain > TIE)], 1)
    return counts


def _phrases(inputs: RowInputs) -> list[tuple[int, str, tuple[str, ...]]]:
    """Row, phrase and images: each phrase of an example once, whatever its article and letter case."""
    pairs: dict[tuple[int, str], tuple[int, str, tuple[str, ...]]] = {}
    for turn in image_turns(inputs.examples):
        if not turn.statement.uninformative:
            for text in turn.parts.phrases or (turn.statement.text,):
                pairs.setdefault((turn.turn.row, _ARTICLE.sub("", text.lower())), (turn.turn.row, text, turn.image_ids))
    return list(pairs.values())


def _gains(
    inputs: RowInputs, texts: list[str], images: list[tuple[str, ...]], usual: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each text's best image gains over the usual one (n), and where text and an image are known (n)."""
    vectors, known = inputs.texts.gather([text_id(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), [len(ids) for ids in images])
    image_vectors, has_vector = inputs.images.gather([image for ids in images for image in ids])
    best = np.full(len(texts), -np.inf)
    if vectors.shape[1] and image_vectors.shape[1]:
        np.maximum.at(
            best, owner[has_vector], np.einsum("nd,nd->n", vectors[owner[has_vector]], image_vectors[has_vector])
        )
    known &= np.isfinite(best)
    gain = np.where(known, best, 0.0)
    if vectors.shape[1]:
        gain -= vectors @ usual
    return gain, known
