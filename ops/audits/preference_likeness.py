"""Targets that read like preference data.

Does an SFT answer read like what preference data rejected, or chose? Two logistic regressions are fitted on
the responses of the corpus's preference data: one on hashed words and pairs of words, one on length and style alone
(words, characters, length of words, sentences, commas, capitals, digits, lines). `rejected_probability` is the first
one's probability that the answer is a rejected response rather than a chosen one, were both equally frequent;
`style_probability` is the second one's. Both are cross-fitted in four folds by image (by query where there is none), so
that an answer is judged by models that have seen nothing about its image.

How far to believe them is told beside them: `auroc` is the probability that the first ranks an unseen rejected response
above an unseen chosen one, `style_auroc` that of the second; 0.5 is guessing. Where `style_auroc` is as high, what the
preference data teaches is length and style. Both are those of the preference data of the turn's own dataset
(`auroc_of`), or of all of it where that has none.

At most `fit_responses` responses of each side are looked at, chosen by their hash; those on both sides are left out.
They are drawn from the deliveries of each dataset that came first, so many that they hold twice as many, so that the
next delivery of a dataset that is known well leaves the classifiers, and the probabilities of all other answers, as
they are.
With fewer than `fewest_responses` of either side the audit abstains: the columns are null. It describes, and no rule of
the shipped policy acts on it: an answer may read like rejected ones and be sound.
"""

from dataclasses import asdict, dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, Suspicion, columns_of
from ops.audits.ranges import SHARE, column
from ops.corpus.fingerprints import LINKS, fingerprints
from ops.corpus.links import State
from ops.corpus.tables import CorpusMeasures, CorpusTables


@dataclass(frozen=True, slots=True)
class LikenessSettings:
    """`audits.preference_likeness` in assay.yaml."""

    fit_responses: int = 10_000
    """Responses of each side that the classifiers are fitted on at most; they are held in memory."""
    fewest_responses: int = 100
    """Responses of either side below which nothing is fitted."""

    def __post_init__(self) -> None:
        if not 0 < self.fewest_responses <= self.fit_responses:
            raise ValueError("fewest_responses must be at least 1, and at most fit_responses")


def measure(tables: CorpusTables, settings: LikenessSettings, *, state: State | None = None) -> CorpusMeasures:
    """One row a target."""
    return fingerprints(*(tables[name] for name in AUDIT.reads), **asdict(settings), state=state)


AUDIT = Audit(
    name="preference_likeness",
    title="Targets that read like preference data",
    grain=Grain.TURN,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("rejected_probability", pa.float64(), SHARE),
            column("style_probability", pa.float64(), SHARE),
            column("auroc", pa.float64(), SHARE),
            column("style_auroc", pa.float64(), SHARE),
            column("auroc_of", pa.string()),
        ]
    ),
    measure=measure,
    settings=LikenessSettings(),
    links=LINKS,
    faults=("rejected_answer",),
    suspicion=Suspicion("rejected_probability", 1, ("rejected_answer",)),
    reads=columns_of(
        turns="delivery example_id turn dataset image_key query_key response",
        preferences="delivery dataset label image_key query_key response_key response",
        arrivals="delivery arrival",
    ),
    revision=2,
)
