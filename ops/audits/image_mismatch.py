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
`draws` Bayesian bootstraps, so that a small delivery is not called wrong for a few odd ranks. Of a large group 8,192
examples, drawn by their images, stand for all. No rank can tell an image that the encoder does not understand from a
wrong one: a share `unseen` of the fitting examples is taken to be such, and where more than `most_wrong` of a group
seem wrong all of it abstains, for then the encoder may not understand its data at all. So does a group in which fitting
images are not surely among the best for their texts (`least_fit`), an example that `conversation_grounding` has no
figures for, and a delivery with too few of them.

A shifted join or a text about something else shows here as well: the image is not the one of the text.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Fit, Grain, Scope
from ops.audits.ranges import COUNT, NUMBER, SHARE, column
from ops.chances.crossfit import CrossFit, FitSettings, Standard
from ops.chances.two_groups import Ranked
from ops.evidence.inputs import RowInputs
from ops.grounding.ranked_examples import (
    WHOLE,
    Group,
    RankedExample,
    Sample,
    compared_groups,
    merged_samples,
    ranked_examples,
    sample_of,
    wider,
)
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
_WHOLE = "delivery"


@dataclass(frozen=True, slots=True)
class _Compared:
    """A group that examples are compared in: its name and size, what its covariates are told in, the models of it, and
    the mean normal score of its fitting images."""

    name: str
    examples: int
    standard: Standard
    models: CrossFit
    mean_fit: float


#: None where too few different images are shown to fit on some of them.
_Model = Mapping[Group, _Compared | None]


def measure(inputs: RowInputs, settings: MismatchSettings) -> pa.Table:
    """One row an example that shows images."""
    examples = _ranked(inputs, settings)
    model: _Model = inputs.fitted or _model(sample_of(examples), settings)
    rows = [_unfitted(example, settings) for example in examples]
    members: defaultdict[Group, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        group = example.group
        while group not in model and group != WHOLE:
            group = wider(group)
        members[group] += [] if example.why else [at]
    for group, places in members.items():
        compared = model.get(group)
        if compared and places:
            for at, figures in zip(places, _figures([examples[at] for at in places], compared, settings), strict=True):
                rows[at] |= figures
    figures = pa.Table.from_pylist(rows, schema=COLUMNS)
    table_rows = pa.array([example.row for example in examples], pa.int64())
    keys = [inputs.examples[name].take(table_rows) for name in ("delivery", "example_id")]
    return pa.table([*keys, *figures.columns], schema=AUDIT.schema)


def _ranked(inputs: RowInputs, settings: MismatchSettings) -> list[RankedExample]:
    return ranked_examples(inputs, temperature=settings.temperature, fewest_images=settings.fewest_images)


def _sketch(inputs: RowInputs, settings: MismatchSettings) -> Sample:
    return sample_of(_ranked(inputs, settings))


def _merge(parts: Iterable[Sample], settings: MismatchSettings) -> Sample:
    return merged_samples(parts)


def _model(sample: Sample, settings: MismatchSettings) -> _Model:
    groups = compared_groups(sample, fewest=settings.fewest_examples)
    return {group: _fitted(group, count, rows, settings) for group, count, rows in groups}


def _fitted(group: Group, count: int, rows: pa.Table, settings: MismatchSettings) -> _Compared | None:
    keys = np.array(rows["images"].to_pylist(), dtype=np.str_)
    if len(np.unique(keys)) < settings.folds:
        return None
    covariates = np.stack([rows[name].to_numpy() for name in ("text_spread", "image_spread", "turns")], axis=1)
    standard = Standard.of(covariates)
    ranked = _placed(rows["rank"].to_numpy(), rows["compared"].to_numpy(), standard, covariates)
    fitting = FitSettings(settings.folds, settings.draws, settings.most_rows, settings.unseen)
    models = CrossFit.of(ranked, keys, fitting)
    dataset, closed = group
    name = (_WHOLE if dataset is None else dataset) + (", closed answers" if closed else "")
    return _Compared(name, count, standard, models, float(models.chances(ranked, keys).fit_score.mean()))


def _placed(rank: np.ndarray, compared: np.ndarray, standard: Standard, covariates: np.ndarray) -> Ranked:
    return Ranked.of_ranks(rank, compared, standard.units(covariates).round(2))


def _unfitted(example: RankedExample, settings: MismatchSettings) -> dict[str, Any]:
    pool = example.pooled
    row: dict[str, Any] = {"turns": pool.turns, "image_spread": example.image_spread, "abstained": True}
    if example.why:
        return row | {"why": example.why}
    why = f"fewer than {settings.fewest_examples} examples, or too few images, to compare with"
    return row | {"rank": pool.rank, "compared": pool.compared, "text_spread": pool.spread, "why": why}


def _figures(
    examples: Sequence[RankedExample], compared: _Compared, settings: MismatchSettings
) -> Iterator[dict[str, Any]]:
    """What the models of their group tell of each example."""
    pools, models = [example.pooled for example in examples], compared.models
    covariates = np.array([[one.pooled.spread, one.image_spread, one.pooled.turns] for one in examples])
    rank, others = (np.array([getattr(pool, name) for pool in pools]) for name in ("rank", "compared"))
    ranked = _placed(rank, others, compared.standard, covariates)
    chances = models.chances(ranked, np.array([example.images for example in examples], dtype=np.str_))
    why = None
    if models.share >= settings.most_wrong:
        why = f"more than {settings.most_wrong:.0%} of the group seem to have a wrong image"
    elif compared.mean_fit < settings.least_fit:
        why = "in this group an image that fits is not surely among the best for its texts"
    for probability, fit_score in zip(chances.probability.tolist(), chances.fit_score.tolist(), strict=True):
        yield {
            "group": compared.name,
            "group_examples": compared.examples,
            "fit_score": fit_score,
            "wrong_share": models.share,
            "wrong_share_low": models.low,
            "wrong_share_high": models.high,
            "probability": None if why else probability,
            "abstained": why is not None,
            "why": why,
        }


AUDIT = Audit(
    name="image_mismatch",
    title="How likely an image is the wrong one",
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    fit=Fit(_sketch, _merge, _model),
    settings=MismatchSettings(),
    texts=scored_texts,
    uses_vectors=True,
    revision=3,
    faults=("wrong_image", "shifted_join"),
)
