"""Do the neighbours of an example's image and text agree that the two belong together?

`conversation_grounding` asks the encoder how well a text fits an image. This audit asks the rest of the delivery (after
LEMoN, Zhang et al., 2024): images that look alike have texts that say alike, and the other way round. It needs no more
of the encoder than that it tells images from images and texts from texts.

- `text_z`: how many standard deviations the example's text lies nearer to the texts of the `nearest` examples with the
  images most like its own than to the texts of any.
- `image_z`: the same of its image and the images of the examples with the texts most like its own.
- `neighbour_z`: the mean of the two. Where image and text do not belong together it is about 0, or below.
- `same_image`: how many of the image's neighbours show that very image. Where other texts about it are at hand, they
  are the best witnesses there are.
- `pool`: among how many examples of the delivery neighbours were sought: at most `most_pool`, the same for all.

The nearer a neighbour, the more it counts. Texts are the mean of an example's informative statements, images the mean
of its images. An example abstains where none of its turns says what could be seen, or is in English, where a vector is
missing, and where the delivery has not more than `fewest_examples` examples. Examples without images have no row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Fit, Grain, Scope
from ops.audits.ranges import ANY, COUNT, column
from ops.core.identity import digest, text_id
from ops.core.sorted_keys import places, sorted_keys
from ops.evidence.inputs import RowInputs
from ops.grounding.neighbours import Pairs, agreement, joined_pairs
from ops.text.image_turns import ImageTurn, image_turns, statement_texts


@dataclass(frozen=True, slots=True)
class NeighbourSettings:
    """`audits.neighbours` in assay.yaml."""

    nearest: int = 5
    """Neighbours of an image, and of a text, that are asked."""
    most_pool: int = 2048
    """Examples among which they are sought."""
    temperature: float = 0.1
    """Difference of cosines by which a neighbour counts e times as much."""
    fewest_examples: int = 20

    def __post_init__(self) -> None:
        if self.nearest < 1 or self.temperature <= 0 or not 2 <= self.fewest_examples <= self.most_pool:
            raise ValueError(
                "nearest must be at least 1, temperature above 0, fewest_examples at least 2 and at most most_pool"
            )


COLUMNS = pa.schema(
    [
        column("text_z", pa.float32(), ANY),
        column("image_z", pa.float32(), ANY),
        column("neighbour_z", pa.float32(), ANY),
        column("same_image", pa.int32(), COUNT),
        column("pool", pa.int32(), COUNT),
        column("abstained", pa.bool_()),
        column("why", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Where neighbours are sought: of `judged` examples of the delivery these, by their ids (n, sorted bytes)."""

    judged: int
    ids: np.ndarray
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The examples that show images, by row and in the order of their ids, so that the order of the rows decides
    nothing; those that speak of what images show, and of these the ids and pairs of those whose vectors are known."""

    turns: dict[int, list[ImageTurn]]
    speaking: list[int]
    judged: np.ndarray
    ids: list[str]
    pairs: Pairs

    def pool(self, most: int) -> _Pool:
        """At most so many of the pairs."""
        keys, order = sorted_keys(self.ids)
        return _drawn(_Pool(len(keys), keys, self.pairs.take(order)), most)


def measure(inputs: RowInputs, settings: NeighbourSettings) -> pa.Table:
    """One row an example that shows images."""
    spoken = _spoken(inputs)
    pool: _Pool = inputs.fitted or spoken.pool(settings.most_pool)
    rows: dict[int, dict[str, Any]] = {}
    if pool.judged > settings.fewest_examples and len(spoken.judged):
        rows = _figures(spoken, pool, settings)
    silent = _silence(spoken, settings)
    figures = pa.Table.from_pylist([rows.get(row) or silent[row] for row in spoken.turns], schema=COLUMNS)
    table_rows = pa.array(list(spoken.turns), pa.int64())
    keys = [inputs.examples[name].take(table_rows) for name in ("delivery", "example_id")]
    return pa.table([*keys, *figures.columns], schema=AUDIT.schema)


def _sketch(inputs: RowInputs, settings: NeighbourSettings) -> _Pool:
    return _spoken(inputs).pool(settings.most_pool)


def _merge(parts: Iterable[_Pool], settings: NeighbourSettings) -> _Pool:
    pools = list(parts)
    ids = np.concatenate([pool.ids for pool in pools])
    order = np.argsort(ids, kind="stable")
    pairs = joined_pairs([pool.pairs for pool in pools]).take(order)
    return _drawn(_Pool(sum(pool.judged for pool in pools), ids[order], pairs), settings.most_pool)


def _drawn(pool: _Pool, most: int) -> _Pool:
    """At most so many of its pairs, chosen by nothing but the set of their ids."""
    names = [name.decode() for name in pool.ids.tolist()]
    order = sorted(range(len(names)), key=lambda at: digest(f"neighbours {names[at]}"))
    kept = np.sort(np.array(order[:most], dtype=np.int64))
    return _Pool(pool.judged, pool.ids[kept], pool.pairs.take(kept))


def _spoken(inputs: RowInputs) -> _Spoken:
    ids = [str(name) for name in inputs.examples["example_id"].to_pylist()]
    turns: dict[int, list[ImageTurn]] = {}
    for turn in image_turns(inputs.examples):
        turns.setdefault(turn.turn.row, []).append(turn)
    turns = {row: turns[row] for row in sorted(turns, key=ids.__getitem__)}
    speaking = [row for row, own in turns.items() if any(not turn.statement.uninformative for turn in own)]
    pairs, known = _pairs(inputs, [turns[row] for row in speaking])
    judged = np.array(speaking, dtype=np.int64)[known]
    return _Spoken(turns, speaking, judged, [ids[row] for row in judged.tolist()], pairs)


def _pairs(inputs: RowInputs, examples: Sequence[Sequence[ImageTurn]]) -> tuple[Pairs, np.ndarray]:
    """The pairs of those examples whose text and image have vectors, and which those are (n, bool)."""
    texts = [[text_id(turn.statement.text) for turn in turns if not turn.statement.uninformative] for turns in examples]
    images = [list(turns[0].image_ids) for turns in examples]
    text_means, has_text = _means(inputs.texts.gather([i for some in texts for i in some]), texts)
    image_means, has_image = _means(inputs.images.gather([i for some in images for i in some]), images)
    known = has_text & has_image
    keys = np.array([int(digest(*some, size=8), 16) for some in images], dtype=np.uint64)
    return Pairs(text_means[known], image_means[known], keys[known]), known


def _means(gathered: tuple[np.ndarray, np.ndarray], members: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """The unit mean of each one's members' vectors (n, d), and whether any is known (n)."""
    vectors, known = gathered
    owners = np.repeat(np.arange(len(members)), [len(some) for some in members])
    sums = np.zeros((len(members), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, owners[known], vectors[known])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.maximum(lengths, 1e-6), lengths[:, 0] > 1e-6


def _figures(spoken: _Spoken, pool: _Pool, settings: NeighbourSettings) -> dict[int, dict[str, Any]]:
    own = places(pool.ids, spoken.ids)
    agreeing = agreement(spoken.pairs, pool.pairs, own, nearest=settings.nearest, temperature=settings.temperature)
    columns = (spoken.judged, agreeing.text_z, agreeing.image_z, agreeing.same_image)
    return {
        row: {
            "text_z": text_z,
            "image_z": image_z,
            "neighbour_z": (text_z + image_z) / 2,
            "same_image": same,
            "pool": len(pool.ids),
            "abstained": False,
        }
        for row, text_z, image_z, same in zip(*(column.tolist() for column in columns), strict=True)
    }


def _silence(spoken: _Spoken, settings: NeighbourSettings) -> dict[int, dict[str, Any]]:
    """Of each example, what it would say if it had no figures."""
    known, informative = set(spoken.judged.tolist()), set(spoken.speaking)
    reasons: dict[int, str] = {}
    for row, own in spoken.turns.items():
        if row not in informative:
            reasons[row] = own[0].statement.uninformative or "no turn speaks of what an image could show"
        elif row not in known:
            reasons[row] = "no vector for the texts or the image"
        else:
            reasons[row] = f"not more than {settings.fewest_examples} examples to compare with"
    return {row: {"abstained": True, "why": reason} for row, reason in reasons.items()}


AUDIT = Audit(
    name="neighbours",
    title="Images and texts whose neighbours disagree",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    fit=Fit(_sketch, _merge),
    settings=NeighbourSettings(),
    texts=statement_texts,
    uses_vectors=True,
    faults=("wrong_image", "shifted_join"),
    revision=2,
)
