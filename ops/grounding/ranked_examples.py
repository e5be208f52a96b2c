"""Examples by the rank of their image among others, and a sample of each group that they are compared in."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ops.core.arrow import nullable_values, rows_where, sorted_by
from ops.core.identity import digest
from ops.evidence.inputs import RowInputs
from ops.grounding.pooled import Pooled, pooled_examples

#: Examples of a group that stand for all of it: about 2 MB.
MOST_SAMPLED = 8192
_SLICE = 4096

#: A dataset, all of them (None); those whose answers are closed, those whose answers are not, both (None).
Group = tuple[str | None, bool | None]

WHOLE: Group = (None, None)


@dataclass(frozen=True, slots=True)
class RankedExample:
    """An example that shows images: its id, its place in the table, its dataset, the ids of its images as one text, and
    how much the images' cosines with other texts spread; `why` it has no figures is empty where it has."""

    example_id: str
    row: int
    dataset: str
    images: str
    pooled: Pooled
    image_spread: float
    why: str

    @property
    def group(self) -> Group:
        """The narrowest that it is of."""
        return self.dataset, self.pooled.closed > 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """How many examples with figures there are, by the narrowest group, and some of them (_ROWS): of each group, wide
    ones too, all or MOST_SAMPLED, drawn by the images that they show."""

    counts: Mapping[Group, int]
    rows: pa.Table


_ROWS = pa.schema(
    [
        ("drawn", pa.string()),
        ("images", pa.string()),
        ("example_id", pa.string()),
        ("dataset", pa.string()),
        ("is_closed", pa.bool_()),
        ("rank", pa.int32()),
        ("compared", pa.int32()),
        ("text_spread", pa.float64()),
        ("image_spread", pa.float64()),
        ("turns", pa.int32()),
    ]
)


def wider(group: Group) -> Group:
    """The next wider group: of all datasets, then of all answers."""
    return WHOLE if group[0] is None else (None, group[1])


def ranked_examples(inputs: RowInputs, *, temperature: float, fewest_images: int) -> list[RankedExample]:
    """The examples that show images, sorted by what they show, so that the order of the rows decides nothing."""
    examples = _examples(inputs, temperature, fewest_images)
    return sorted(examples, key=lambda example: (example.images, example.example_id))


def _examples(inputs: RowInputs, temperature: float, fewest_images: int) -> Iterator[RankedExample]:
    """A slice of the batch at a time, for the scores of each example with the whole bank are large."""
    for start in range(0, inputs.examples.num_rows, _SLICE):
        part = replace(inputs, examples=inputs.examples.slice(start, _SLICE))
        pools = list(pooled_examples(part, temperature=temperature))
        ids, datasets = (nullable_values(part.examples, name, str) for name in ("example_id", "dataset"))
        images = [ids or [] for ids in nullable_values(part.examples, "image_ids", list[str])]
        spreads = _image_spreads(inputs, [images[pool.row] for pool in pools])
        for pool, spread in zip(pools, spreads.tolist(), strict=True):
            why = pool.why
            if not why and pool.compared < fewest_images:
                why = f"only {pool.compared} other images to compare with"
            at = pool.row
            yield RankedExample(ids[at] or "", start + at, datasets[at] or "", " ".join(images[at]), pool, spread, why)


def _image_spreads(inputs: RowInputs, images: Sequence[Sequence[str]]) -> np.ndarray:
    """Standard deviation of each example's images' (n) cosines with the bank's texts, less the mean of each text."""
    owners = np.repeat(np.arange(len(images)), [len(ids) for ids in images])
    vectors, known = inputs.images.gather([image for ids in images for image in ids])
    texts = inputs.bank_texts.matrix.astype(np.float32)
    if not len(owners) or not len(texts) or not len(inputs.bank_images):
        return np.zeros(len(images))
    usual = texts @ inputs.bank_images.matrix.astype(np.float32).mean(axis=0)
    spreads = np.where(known, (vectors @ texts.T - usual).std(axis=1), 0.0)
    return np.bincount(owners, weights=spreads, minlength=len(images)) / np.bincount(owners, minlength=len(images))


def sample_of(examples: Sequence[RankedExample]) -> Sample:
    """Of those of a batch that have figures."""
    ranked = [example for example in examples if not example.why]
    rows = [
        {
            "drawn": digest(example.images),
            "images": example.images,
            "example_id": example.example_id,
            "dataset": example.dataset,
            "is_closed": example.group[1],
            "rank": example.pooled.rank,
            "compared": example.pooled.compared,
            "text_spread": example.pooled.spread,
            "image_spread": example.image_spread,
            "turns": example.pooled.turns,
        }
        for example in ranked
    ]
    counts = Counter(example.group for example in ranked)
    return merged_samples([Sample(counts, pa.Table.from_pylist(rows, schema=_ROWS))])


def merged_samples(samples: Iterable[Sample]) -> Sample:
    """One of all of them."""
    parts = list(samples)
    counts: Counter[Group] = Counter()
    for part in parts:
        counts.update(part.counts)
    rows = sorted_by(pa.concat_tables([part.rows for part in parts]), "drawn", "example_id")
    if rows.num_rows > MOST_SAMPLED:
        datasets = np.unique(np.array(rows["dataset"].to_pylist(), np.str_), return_inverse=True)[1]
        closed = rows["is_closed"].to_numpy().astype(np.int64)
        places = (_places(codes) for codes in (2 * datasets + closed, closed, np.zeros_like(closed)))
        rows = rows_where(rows, pa.array(np.minimum.reduce(list(places)) < MOST_SAMPLED, pa.bool_()))
    return Sample(counts, rows)


def _places(codes: np.ndarray) -> np.ndarray:
    """How many rows with the same code stand before each (n)."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    places = np.empty(len(codes), dtype=np.int64)
    places[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered, "left")
    return places


def compared_groups(sample: Sample, *, fewest: int) -> Iterator[tuple[Group, int, pa.Table]]:
    """The groups that examples are compared in, how many these are, and those drawn of them, by what they show: closed
    and other answers of datasets that have so many; for the rest those of the delivery, or all of it where they are
    few."""
    counts, groups = dict(sample.counts), set(sample.counts)
    while groups:
        small = {group for group in groups if counts[group] < fewest}
        for group in groups - small:
            yield group, counts[group], _members(sample.rows, group)
        groups = {wider(group) for group in small if group != WHOLE}
        for group in groups:
            counts[group] = sum(n for (_, closed), n in sample.counts.items() if group[1] in (None, closed))


def _members(rows: pa.Table, group: Group) -> pa.Table:
    """The first of the group's rows, which stand in the order in which they were drawn."""
    dataset, closed = group
    mask = np.ones(rows.num_rows, dtype=bool)
    if dataset is not None:
        mask &= np.array([name == dataset for name in rows["dataset"].to_pylist()], dtype=bool)
    if closed is not None:
        mask &= rows["is_closed"].to_numpy() == closed
    return sorted_by(rows_where(rows, pa.array(mask, pa.bool_())).slice(0, MOST_SAMPLED), "images", "example_id")
