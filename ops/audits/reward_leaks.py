"""Preference data among SFT targets.

Beyond answers that equal a rejected response (`rejected_as_target`), a turn may hold preference data in three ways:

- `is_near_rejected`: its answer is a rejected response, changed. Two comparisons find such answers, each on its own:
  - `by_words`: with words changed. `similarity` is the Jaccard index of the words and pairs of neighbouring words.
    Answers about the same images count from `near`; without a shared image, where candidates come from MinHash bands,
    from `far`, and in each band with 100 judged texts of either side at most. The answer must be nearer to the rejected
    response than to any that was chosen (`chosen_similarity`), by `lead` of what it does not share with the rejected
    one: a rejected response is often a chosen one with a few words changed, and answers about one picture share words
    anyway. What was chosen about other images does not excuse what was rejected about these.
  - `by_meaning`: in other words. `cosine` is that of the encoder's vectors, which must reach `near_cosine`, about the
    same images alone: without a shared image nothing is looked for in this way. The distance (1 less the cosine) to the
    nearest chosen response (`chosen_cosine`) must exceed that to the rejected one by `lead_cosine` times the latter;
    where nothing was chosen there is nothing to hold it against. Of long texts some encoders read the first part alone.
    Two people who describe one picture say the same in other words too, so that this is a hint, and no rule of the
    shipped policy acts on it.

  `judgement_id` is the nearest one's (by words, where those find one), of the example `judgement_example_id` in the
  delivery `judgement_delivery`. Answers of fewer than `fewest_words` words are too short to tell; shorter than six are
  not embedded, whatever the setting.
- `is_both_sides`: the chosen and the rejected response of one pair are both targets for the same images and query.
- `is_held_out_prompt`: its images and query belong to a preference dataset of `held_out`, which is kept for testing a
  reward model. An example trained on spoils it, whatever its answer is.

Turns with none of these have no row.
"""

from dataclasses import asdict, dataclass

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, StoredKeys, Suspicion, columns_of
from ops.audits.ranges import COSINE, SHARE, column
from ops.core.key_schemas import JUDGED_WORDS, TURN_WORDS, made_schema
from ops.core.schemas import PREFERENCES, TURNS, TableSpec
from ops.corpus.judged_texts import FEWEST_WORDS, told_answers
from ops.corpus.leaks import LINKS, reward_leaks
from ops.corpus.response_words import response_words
from ops.corpus.tables import CorpusMeasures, CorpusTables


@dataclass(frozen=True, slots=True)
class RewardLeakSettings:
    """`audits.reward_leaks` in assay.yaml."""

    fewest_words: int = FEWEST_WORDS
    """Words of the shortest answer that is compared."""
    near: float = 0.3
    """Similarity of answers about the same images from which one is near the other."""
    far: float = 0.6
    """The same where no image is shared."""
    lead: float = 0.2
    """How much nearer than to a chosen response, as a part of what it does not share with the rejected one."""
    near_cosine: float = 0.85
    """Cosine of answers about the same images from which one may be the other in other words."""
    lead_cosine: float = 3.0
    """How much farther the chosen responses must lie, as a multiple of the distance to the rejected one."""
    most_responses: int = 500
    """Responses to one image, and answers about it, up to which each is compared with each."""
    held_out: tuple[str, ...] = ()
    """Preference datasets kept for testing."""

    def __post_init__(self) -> None:
        if not 0 <= self.lead <= 1:
            raise ValueError(f"lead is {self.lead}; it must lie between 0 and 1")
        if not 0 < self.near <= 1 or not 0 < self.far <= 1:
            raise ValueError(f"near and far are {self.near} and {self.far}; they must lie above 0 and be at most 1")
        if not 0 < self.near_cosine <= 1 or self.lead_cosine < 0:
            raise ValueError("near_cosine must lie above 0 and be at most 1, and lead_cosine must be at least 0")


def _stored(spec: TableSpec, made_from: TableSpec) -> StoredKeys:
    names = ["response", *(name for name in made_schema(spec).names if name in made_from.schema.names)]

    def rows(batch: pa.RecordBatch, settings: RewardLeakSettings) -> pa.RecordBatch:
        return response_words(batch, spec, fewest_words=settings.fewest_words)

    return StoredKeys(spec, made_from, tuple(names), rows, settings=lambda settings: (settings.fewest_words,))


def measure(tables: CorpusTables, settings: RewardLeakSettings) -> CorpusMeasures:
    """One row a target that preference data knows."""
    options = {name: value for name, value in asdict(settings).items() if name != "fewest_words"}
    return reward_leaks(*(tables[name] for name in AUDIT.reads), **options).select(*AUDIT.schema.names)


AUDIT = Audit(
    name="reward_leaks",
    title="Preference data among SFT targets",
    grain=Grain.TURN,
    scope=Scope.CORPUS,
    columns=pa.schema(
        [
            column("is_near_rejected", pa.bool_()),
            column("by_words", pa.bool_()),
            column("by_meaning", pa.bool_()),
            column("is_both_sides", pa.bool_()),
            column("is_held_out_prompt", pa.bool_()),
            column("judgement_id", pa.string()),
            column("judgement_delivery", pa.string()),
            column("judgement_example_id", pa.string()),
            column("similarity", pa.float64(), SHARE),
            column("chosen_similarity", pa.float64(), SHARE),
            column("cosine", pa.float64(), COSINE),
            column("chosen_cosine", pa.float64(), COSINE),
            column("same_query", pa.bool_()),
        ]
    ),
    measure=measure,
    settings=RewardLeakSettings(),
    reads=columns_of(
        turn_words="delivery example_id turn image_key query_key response_key text words_key shingles bands",
        judged_words="delivery example_id judgement_id dataset label image_key query_key response_key opponent_key "
        "text words_key shingles bands",
        embeddings="modality content_id vector",
    ),
    needs=("preferences",),
    keys=(_stored(TURN_WORDS, TURNS), _stored(JUDGED_WORDS, PREFERENCES)),
    links=LINKS,
    faults=("near_rejected",),
    suspicion=Suspicion("similarity", 1, ("near_rejected",), unfound=0.0),
    texts=told_answers,
    revision=6,
)
