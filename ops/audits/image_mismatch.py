"""How likely is it that an example has the wrong image?

`conversation_grounding` ranks an example's image among other images for its texts. What a rank means depends on the
data: how well the encoder understands them, and how many images are wrong. Both are learnt from the delivery itself, in
two groups (Efron, 2008). If an image is wrong, it is one of the others, so each rank is as likely as any other: the
same texts with other images of the delivery show that. What is left are the examples whose image fits. `probability` is
the posterior of the first group, the local false discovery rate of the second; it never falls as the rank grows.

- `group`: what the example was compared with: those of its dataset whose answers are closed (yes, no, a number, a
  word), as its own are, or are not; those of the whole delivery, where the dataset has fewer than `fewest_examples` of
  them with figures, or all of it, where the delivery has. An encoder understands a caption better than "There are two
  dogs.": beside captions a closed answer looks wrong. `group_examples` is the size of the group.
- `wrong_share`: the estimated share of the group whose image is wrong, `wrong_share_low` and `wrong_share_high` its
  95 % interval. It is the same for all texts of the group.
- `fit_score` is how well a fitting image does, as a normal score, for texts and images with as wide a `text_spread` and
  `image_spread` and as many `turns`: the standard deviations of the text's scores with other images, and of the image's
  cosines with other texts. A text that says little, or an image that the encoder does not understand, spreads little,
  and then a bad rank speaks less against the image.
- `rank` and `compared` are those of `conversation_grounding`.

Probabilities are cross-fitted: the models for an example were fitted on others with other images. They are means over
`draws` Bayesian bootstraps, so that a small delivery is not called wrong for a few odd ranks. No rank can tell an image
that the encoder does not understand from a wrong one: a share `unseen` of the fitting examples is taken to be such, and
where more than `most_wrong` of a group seem wrong all of it abstains, for then the encoder may not understand its data
at all. So does a group in which fitting images are not surely among the best for their texts (`least_fit`), an example
that `conversation_grounding` has no figures for, and a delivery with too few of them.

A shifted join or a text about something else shows here as well: the image is not the one of the text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COUNT, NUMBER, SHARE, column
from ops.chances.crossfit import Chances, FitSettings, estimate, standardised
from ops.chances.two_groups import Ranked
from ops.evidence.inputs import RowInputs
from ops.grounding.pooled import Pooled, pooled_examples
from ops.grounding.scores import scored_texts


@dataclass(frozen=True, slots=True)
class MismatchSettings:
    """`audits.image_mismatch` in assay.yaml."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine, as for `grounding`."""
    fewest_images: int = 16
    """Other images below which an example has no figures."""
    fewest_examples: int = 100
    """Examples with figures below which a group is too small to fit."""
    most_wrong: float = 0.4
    """Share of wrong images from which a group abstains."""
    least_fit: float = 1.645
    """Mean normal score of fitting images below which a group abstains: they then are not in the best twentieth."""
    unseen: float = 0.005
    """Share of the examples with a fitting image that look as if their image did not matter."""
    folds: int = 4
    draws: int = 8
    most_rows: int = 4000
    """Examples that a model is fitted on at most."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or min(self.fewest_images, self.draws, self.most_rows) < 1 or self.folds < 2:
            raise ValueError(
                "temperature must be above 0, fewest_images, draws and most_rows at least 1, folds at least 2"
            )
        if self.least_fit < 0:
            raise ValueError("least_fit must be at least 0, that of an image by chance")
        if self.fewest_examples < 10 * self.folds:
            raise ValueError(f"fewest_examples must be at least ten a fold, but is {self.fewest_examples}")
        if not (0 < self.most_wrong <= 1 and 0 <= self.unseen < 1):
            raise ValueError("most_wrong must lie above 0, up to 1, and unseen between 0 and 1")


COLUMNS = pa.schema(
    [
        column("probability", pa.float32(), SHARE),
        column("rank", pa.int32(), NUMBER),
        column("compared", pa.int32(), COUNT),
        column("turns", pa.int32(), COUNT),
        column("text_spread", pa.float32(), COUNT),
        column("image_spread", pa.float32(), COUNT),
        column("fit_score", pa.float32(), COUNT),
        column("group", pa.string()),
        column("group_examples", pa.int32(), NUMBER),
        column("wrong_share", pa.float32(), SHARE),
        column("wrong_share_low", pa.float32(), SHARE),
        column("wrong_share_high", pa.float32(), SHARE),
        column("abstained", pa.bool_()),
        column("why", pa.string()),
    ]
)
_SLICE = 4096
_WHOLE = "delivery"


@dataclass(frozen=True, slots=True)
class _Example:
    """An example that shows images: its place in the table, its dataset, the ids of its images as one text, and how
    much the images' cosines with other texts spread; `why` it has no figures is empty where it has."""

    row: int
    dataset: str
    images: str
    pooled: Pooled
    image_spread: float
    why: str


def measure(inputs: RowInputs, settings: MismatchSettings) -> pa.Table:
    """One row an example that shows images."""
    ids = inputs.examples["example_id"].to_pylist()
    # Sorted by content, so that the order of the delivery's rows decides nothing.
    examples = sorted(_examples(inputs, settings), key=lambda example: (example.images, ids[example.row]))
    rows = [_unfitted(example, settings) for example in examples]
    ranked = [at for at, example in enumerate(examples) if not example.why]
    for group, fitted, own in _groups(examples, ranked, fewest=settings.fewest_examples):
        chances = _chances([examples[at] for at in fitted], settings)
        for place, at in enumerate(fitted):
            if chances is not None and at in own:
                rows[at] |= {"group": group, "group_examples": len(fitted)} | _figures(chances, place, settings)
    figures = pa.Table.from_pylist(rows, schema=COLUMNS)
    places = pa.array([example.row for example in examples], pa.int64())
    keys = [inputs.examples[name].take(places) for name in ("delivery", "example_id")]
    return pa.table([*keys, *figures.columns], schema=AUDIT.schema)


def _examples(inputs: RowInputs, settings: MismatchSettings) -> Iterator[_Example]:
    """A slice of the delivery at a time, for the scores of each example with the whole bank are large."""
    for start in range(0, inputs.examples.num_rows, _SLICE):
        part = replace(inputs, examples=inputs.examples.slice(start, _SLICE))
        pools = list(pooled_examples(part, temperature=settings.temperature))
        datasets = part.examples["dataset"].to_pylist()
        images: list[list[str]] = [ids or [] for ids in part.examples["image_ids"].to_pylist()]
        spreads = _image_spreads(inputs, [images[pool.row] for pool in pools])
        for pool, spread in zip(pools, spreads.tolist(), strict=True):
            why = pool.why
            if not why and pool.compared < settings.fewest_images:
                why = f"only {pool.compared} other images to compare with"
            image_ids = " ".join(images[pool.row])
            yield _Example(start + pool.row, datasets[pool.row] or "", image_ids, pool, spread, why)


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


def _groups(
    examples: Sequence[_Example], ranked: Sequence[int], *, fewest: int
) -> Iterator[tuple[str, list[int], set[int]]]:
    """Name, places of the examples that are fitted, and those that the fit is for: closed and other answers of large
    datasets, each for itself; for the rest those of the whole delivery, or all of it where they are few."""
    left = set(ranked)
    for name in (_of_dataset, _of_kind, _of_delivery):
        groups: dict[str, list[int]] = {}
        for at in ranked:
            groups.setdefault(name(examples[at]), []).append(at)
        for group, members in groups.items():
            own = left.intersection(members)
            if own and len(members) >= fewest:
                yield group, members, own
                left -= own


def _of_dataset(example: _Example) -> str:
    return example.dataset + _kind(example)


def _of_kind(example: _Example) -> str:
    return _WHOLE + _kind(example)


def _of_delivery(_: _Example) -> str:
    return _WHOLE


def _kind(example: _Example) -> str:
    return ", closed answers" if example.pooled.closed > 0.5 else ""


def _chances(examples: Sequence[_Example], settings: MismatchSettings) -> Chances | None:
    """None where too few different images are shown to fit on some of them."""
    keys = np.array([example.images for example in examples], dtype=np.str_)
    if len(np.unique(keys)) < settings.folds:
        return None
    pools = [example.pooled for example in examples]
    covariates = np.array([[e.pooled.spread, e.image_spread, e.pooled.turns] for e in examples])
    ranked = Ranked.of_ranks(
        np.array([pool.rank for pool in pools]),
        np.array([pool.compared for pool in pools]),
        standardised(covariates).round(2),
    )
    fitting = FitSettings(settings.folds, settings.draws, settings.most_rows, settings.unseen)
    return estimate(ranked, keys, fitting)


def _unfitted(example: _Example, settings: MismatchSettings) -> dict[str, Any]:
    pool = example.pooled
    row: dict[str, Any] = {"turns": pool.turns, "image_spread": example.image_spread, "abstained": True}
    if example.why:
        return row | {"why": example.why}
    why = f"fewer than {settings.fewest_examples} examples, or too few images, to compare with"
    return row | {"rank": pool.rank, "compared": pool.compared, "text_spread": pool.spread, "why": why}


def _figures(chances: Chances, place: int, settings: MismatchSettings) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "fit_score": float(chances.fit_score[place]),
        "wrong_share": chances.share,
        "wrong_share_low": chances.low,
        "wrong_share_high": chances.high,
    }
    if chances.share >= settings.most_wrong:
        return figures | {"why": f"more than {settings.most_wrong:.0%} of the group seem to have a wrong image"}
    if chances.fit_score.mean() < settings.least_fit:
        return figures | {"why": "in this group an image that fits is not surely among the best for its texts"}
    return figures | {"probability": float(chances.probability[place]), "abstained": False, "why": None}


AUDIT = Audit(
    name="image_mismatch",
    title="How likely an image is the wrong one",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=MismatchSettings(),
    texts=scored_texts,
    uses_vectors=True,
    revision=2,
    faults=("wrong_image", "shifted_join"),
)
