"""How much the picture adds to the answer.

Two small heads on the frozen embeddings predict each answer: one from the query alone (its embedding and its words),
one that starts from the first and adds the picture. They are cross-fitted: turns that share a picture, directly or
through other examples, lie in one fold, and no turn is scored by a head that saw it or its picture. In nats (natural
logarithms):

- `text_predictability`: log p(answer | query). Near 0, the answer is known without looking.
- `with_image`: log p(answer | query, image); `swapped`: the same with another picture of the fold.
- `pvi`: with_image - text_predictability, pointwise usable information (PVI; Ethayarajh, Choi and Swayamdipta,
  "Understanding Dataset Difficulty with V-Usable Information", 2022). Large where the picture gives the answer away,
  near 0 where it is not needed, below 0 where it speaks against the answer. `swap_loss`: with_image - swapped, as
  VisNec compares with other pictures.
- `information`: how far the picture moves the prediction, whatever the answer (Kullback-Leibler divergence). Unlike
  `pvi` it does not fall where the answer is wrong.
- `is_blind`: the answer is predicted from the text with a probability of `blind_probability` and more, and the
  picture adds less than `blind_pvi`.

`example_text_predictability`, `example_pvi` and `blind_share` pool an example's turns (means, and the share that is
blind): a single turn may be guessed by luck, a conversation that is blind throughout is not about its picture.

Where `vlm` names a vision-language model, it is asked as well (as VisNec and VIG do), by its chat template, for the
turn alone, in nats a token of the answer: `vlm_with_image`, `vlm_without_image`, and `vlm_swapped`, with the pictures
of another turn; `vlm_gain` and `vlm_swap_loss` are what the first exceeds the others by. A CoCa, which writes captions
instead of answering, reads question and answer as one text, and a grey picture where it is to do without. Without a
model they are null, as they are where a turn is longer than it reads, or shows a CoCa several pictures; whether the
heads abstain does not matter to them.

Short answers that occur often enough are classes (`answer_kind` closed); the others must be told from the answers of
other turns in the same batch of at most 64 (open), which tells topics rather than details, so that the two kinds are
not comparable; `candidates` is the number chosen among. A picture that the encoder cannot read adds nothing that these
heads could use: low `pvi` alone is no proof that a question is blind, high `text_predictability` is what counts.

A turn abstains, and `why` says so, where its answer says nothing, where a vector is missing, or where the delivery has
too few answers of its kind to fit heads on, or all of them about the same pictures. It abstains as well where question
or answer is not in English, for yes and no, numbers and the statements they make are told by English rules, whatever
languages the encoder reads; the vision-language model is asked in any language. Turns of examples without images have
no row.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import ANY, DIVERGENCE, LOG_PROBABILITY, NUMBER, SHARE, column
from ops.core.identity import digest, text_id
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import LikelihoodTable, trios
from ops.necessity.crossfit import Predicted, cross_fit, spread
from ops.necessity.heads import HeadSettings, groups
from ops.necessity.tasks import ClosedTask, OpenTask, Seen, words
from ops.text.closed_answers import closed_answer
from ops.text.image_turns import ImageTurn, image_turns
from ops.text.statements import rewrite


@dataclass(frozen=True, slots=True)
class NecessitySettings:
    """`audits.visual_necessity` in assay.yaml."""

    folds: int = 4
    """Parts of which each is scored by heads fitted on the others."""
    class_turns: int = 8
    """Turns with the same short answer from which it is a class."""
    fewest_turns: int = 60
    """Turns of a kind of answer below which no heads are fitted on them."""
    most_turns: int = 20_000
    """Turns that a head is fitted on at most."""
    epochs: int = 30
    """Passes over them, as far as 2,000 batches allow."""
    blind_probability: float = 0.8
    blind_pvi: float = 0.1
    vlm: str | None = None
    """A vision-language model (a folder, or its name on the hub) or a CoCa (`open_clip:local-dir:PATH`,
    `open_clip:hf-hub:ORG/NAME`, `open_clip:NAME:CHECKPOINT`); None asks none."""
    vlm_batch: int = 8
    """Answers that it reads at once."""

    def __post_init__(self) -> None:
        if self.vlm_batch < 1:
            raise ValueError(f"vlm_batch must be at least 1, but is {self.vlm_batch}")
        if self.folds < 2 or self.fewest_turns < 2 * self.folds or self.class_turns < 1 or self.epochs < 1:
            raise ValueError(
                f"folds must be at least 2, fewest_turns at least twice that, class_turns and epochs at least 1, but "
                f"are {self.folds}, {self.fewest_turns}, {self.class_turns} and {self.epochs}"
            )


_POOLED = pa.schema(
    [
        column("example_text_predictability", pa.float32(), LOG_PROBABILITY),
        column("example_pvi", pa.float32(), ANY),
        column("blind_share", pa.float32(), SHARE),
    ]
)
_VLM = pa.schema(
    [
        column("vlm_with_image", pa.float32(), LOG_PROBABILITY),
        column("vlm_without_image", pa.float32(), LOG_PROBABILITY),
        column("vlm_swapped", pa.float32(), LOG_PROBABILITY),
        column("vlm_gain", pa.float32(), ANY),
        column("vlm_swap_loss", pa.float32(), ANY),
    ]
)
COLUMNS = pa.schema(
    [
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("answer_kind", pa.string()),  # closed | open
        column("candidates", pa.int32(), NUMBER),
        column("text_predictability", pa.float32(), LOG_PROBABILITY),
        column("with_image", pa.float32(), LOG_PROBABILITY),
        column("swapped", pa.float32(), LOG_PROBABILITY),
        column("pvi", pa.float32(), ANY),
        column("swap_loss", pa.float32(), ANY),
        column("information", pa.float32(), DIVERGENCE),
        column("is_blind", pa.bool_()),
        *_POOLED,
        *_VLM,
    ]
)
_MOST_CLASSES = 128


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer as the heads know it: its text, and its kind where it is closed."""

    text: str
    kind: str


def wanted_texts(examples: pa.Table) -> list[str]:
    """Queries, answers, and yes/no questions affirmed and denied."""
    found: set[str] = set()
    for one in image_turns(examples):
        said = _said(one)
        if said is None:
            continue
        found |= {one.turn.query.strip(), said.text}
        if said.kind == "yes_no":
            found.update(_polar(one.turn.query))
    return sorted(found)


def measure(inputs: RowInputs, settings: NecessitySettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    turns = image_turns(inputs.examples)
    ids = inputs.examples["example_id"].to_pylist()
    turns.sort(key=lambda one: (ids[one.turn.row], one.turn.turn))
    said = [_said(one) for one in turns]
    why = _reasons(turns, said, inputs)
    closed = _closed(said, why, settings)
    predicted = Predicted.empty(len(turns))
    usable = np.array([not reason for reason in why], dtype=bool)
    for kind, members in (("closed", usable & closed), ("open", usable & ~closed)):
        rows = np.flatnonzero(members)
        if len(rows) < settings.fewest_turns or not _has_choice(rows, said):
            for row in rows:
                why[row] = f"too few {kind} answers in the delivery to fit heads on"
            continue
        result = _predicted(kind, rows, turns, said, inputs, settings)
        for name in Predicted.__slots__:
            getattr(predicted, name)[rows] = getattr(result, name)
        for row in rows[np.isnan(result.text)]:
            why[row] = "every turn is about the same pictures, so that no head is fitted without them"
    return _table(inputs, turns, why, closed, predicted, settings)


def _said(one: ImageTurn) -> _Said | None:
    """None where the answer or the query says nothing."""
    if one.statement.uninformative or not one.turn.query.strip():
        return None
    closed = closed_answer(one.turn.answer)
    return _Said(closed.value, closed.kind) if closed else _Said(one.turn.answer.strip(), "")


def _polar(query: str) -> tuple[str, str]:
    return rewrite(query, "yes").text, rewrite(query, "no").text


def _reasons(turns: Sequence[ImageTurn], said: Sequence[_Said | None], inputs: RowInputs) -> list[str]:
    queries = inputs.texts.positions([text_id(one.turn.query.strip()) for one in turns]) >= 0
    answers = inputs.texts.positions([text_id(one.text) if one else "" for one in said]) >= 0
    pictures = [(inputs.images.positions(one.image_ids) >= 0).all() for one in turns]
    return [
        (one.statement.uninformative or "no query")
        if what is None
        else ("" if has_query and has_answer and has_picture else "no vector for the query, the answer or the image")
        for one, what, has_query, has_answer, has_picture in zip(turns, said, queries, answers, pictures, strict=True)
    ]


def _closed(said: Sequence[_Said | None], why: Sequence[str], settings: NecessitySettings) -> np.ndarray:
    """Which turns have an answer that is a class (n, bool)."""
    counts = Counter(one for one, reason in zip(said, why, strict=True) if one and one.kind and not reason)
    often = sorted((-count, one.kind, one.text) for one, count in counts.items() if count >= settings.class_turns)
    classes = {(kind, text) for _, kind, text in often[:_MOST_CLASSES]}
    return np.array([one is not None and (one.kind, one.text) in classes for one in said], dtype=bool)


def _has_choice(rows: np.ndarray, said: Sequence[_Said | None]) -> bool:
    return len({said[row] for row in rows}) > 1


def _predicted(
    kind: str,
    rows: np.ndarray,
    turns: Sequence[ImageTurn],
    said: Sequence[_Said | None],
    inputs: RowInputs,
    settings: NecessitySettings,
) -> Predicted:
    asked = [turns[row].turn.query.strip() for row in rows]
    answered = [said[row] or _Said("", "") for row in rows]
    shown = [turns[row].image_ids for row in rows]
    queries, query_at = _distinct(asked)
    pictures, picture_at = _distinct(shown)
    answers, answer_at = _distinct([(one.text, one.kind) for one in answered])
    vectors = {
        "query": inputs.texts.gather([text_id(text) for text in queries])[0],
        "picture": _pictures(pictures, inputs.images),
        "answer": inputs.texts.gather([text_id(text) for text, _ in answers])[0],
    }
    seen = Seen.of(queries, vectors, queries=query_at, pictures=picture_at, answers=answer_at)
    task: ClosedTask | OpenTask = OpenTask(seen)
    if kind == "closed":
        places = {answer: n for n, answer in enumerate(answers)}
        task = ClosedTask(
            seen,
            given=_given(queries, [text for text, _ in answers]),
            polar=_polar_vectors(queries, {asked[n] for n, one in enumerate(answered) if one.kind == "yes_no"}, inputs),
            yes=places.get(("yes", "yes_no"), -1),
            no=places.get(("no", "yes_no"), -1),
        )
    groups_of = groups(shown)
    folds = spread(groups_of, settings.folds)
    return cross_fit(
        task,
        folds,
        _swaps(turns, rows, picture_at, folds),
        settings=HeadSettings(epochs=settings.epochs),
        most_rows=settings.most_turns,
        seed=int(digest(kind, size=4), 16),
    )


def _distinct(values: Sequence[Any]) -> tuple[list[Any], np.ndarray]:
    found = sorted(set(values))
    places = {value: n for n, value in enumerate(found)}
    return found, np.array([places[value] for value in values], dtype=np.int64)


def _pictures(pictures: Sequence[tuple[str, ...]], images: Vectors) -> np.ndarray:
    """Mean of the images' vectors for each set (m, d)."""
    counts = np.array([len(ids) for ids in pictures])
    vectors, _ = images.gather([i for ids in pictures for i in ids])
    return np.add.reduceat(vectors, np.concatenate([[0], np.cumsum(counts)[:-1]])) / counts[:, None]


def _given(queries: Sequence[str], answers: Sequence[str]) -> np.ndarray:
    """Which answers the words of each query name (m, classes; bool)."""
    named: dict[tuple[str, ...], list[int]] = {}
    for n, answer in enumerate(answers):
        named.setdefault(tuple(words(answer)), []).append(n)
    given = np.zeros((len(queries), len(answers)), dtype=bool)
    for row, query in enumerate(queries):
        said = words(query)
        for one in {*((word,) for word in said), *pairwise(said)}:
            given[row, named.get(one, [])] = True
    return given


def _polar_vectors(queries: Sequence[str], polar: set[str], inputs: RowInputs) -> np.ndarray:
    rows = [n for n, query in enumerate(queries) if query in polar]
    pairs = [_polar(queries[n]) for n in rows]
    affirmed, has_yes = inputs.texts.gather([text_id(yes) for yes, _ in pairs])
    denied, has_no = inputs.texts.gather([text_id(no) for _, no in pairs])
    found = np.zeros((len(queries), affirmed.shape[1]), dtype=np.float16)
    if rows:
        found[rows] = np.where((has_yes & has_no)[:, None], affirmed - denied, 0)
    return found


def _swaps(turns: Sequence[ImageTurn], rows: np.ndarray, pictures: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """For each turn another picture of its fold, so that the head has not seen that one either."""
    swaps = pictures.copy()
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        known = np.unique(pictures[inside])
        if len(known) < 2:
            continue
        drawn = [int(digest(*turns[rows[n]].image_ids, turns[rows[n]].turn.query, size=6), 16) for n in inside]
        here = np.searchsorted(known, pictures[inside])
        swaps[inside] = known[(here + 1 + np.array(drawn) % (len(known) - 1)) % len(known)]
    return swaps


def _table(
    inputs: RowInputs,
    turns: Sequence[ImageTurn],
    why: Sequence[str],
    closed: np.ndarray,
    predicted: Predicted,
    settings: NecessitySettings,
) -> pa.Table:
    kept = np.array([not reason for reason in why], dtype=bool)
    figures = {
        "text_predictability": predicted.text,
        "with_image": predicted.picture,
        "swapped": predicted.swapped,
        "pvi": predicted.picture - predicted.text,
        "swap_loss": predicted.picture - predicted.swapped,
        "information": predicted.information,
    }
    blind = (figures["text_predictability"] >= np.log(settings.blind_probability)) & (
        figures["pvi"] < settings.blind_pvi
    )
    rows = pa.array([one.turn.row for one in turns], pa.int64())
    owners = rows.to_numpy(zero_copy_only=False)
    pooled = dict(
        zip(
            _POOLED.names,
            (_mean(values, owners, kept) for values in (figures["text_predictability"], figures["pvi"], blind)),
            strict=True,
        )
    )
    columns: dict[str, Any] = {name: inputs.examples[name].take(rows) for name in ("delivery", "example_id")}
    columns["turn"] = pa.array([one.turn.turn for one in turns], pa.int32())
    columns |= {"abstained": ~kept, "why": [reason or None for reason in why]}
    columns["answer_kind"] = pa.array(np.where(closed, "closed", "open").tolist(), pa.string(), mask=~kept)
    columns["candidates"] = pa.array(np.nan_to_num(predicted.candidates).astype(np.int32), mask=~kept)
    columns |= {name: pa.array(values.astype(np.float32), mask=~kept) for name, values in figures.items()}
    columns["is_blind"] = pa.array(blind, mask=~kept)
    shown = pooled | _asked(turns, inputs.likelihoods)
    columns |= {name: pa.array(values, mask=~np.isfinite(values)) for name, values in shown.items()}
    return pa.table(columns, schema=AUDIT.schema)


def _asked(turns: Sequence[ImageTurn], likelihoods: LikelihoodTable) -> dict[str, np.ndarray]:
    """What a vision-language model said of each turn (n, float32); NaN where none was asked."""
    asked = trios(turns) if len(likelihoods.keys) else [None] * len(turns)
    real, missing, swapped = (
        likelihoods.a_token([getattr(trio, name) if trio else None for trio in asked]).astype(np.float32)
        for name in ("real", "missing", "swapped")
    )
    return dict(zip(_VLM.names, (real, missing, swapped, real - missing, real - swapped), strict=True))


def _mean(values: np.ndarray, owners: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Mean over the kept turns of each turn's example (n, float32), NaN where there is none."""
    size = int(owners.max()) + 1 if len(owners) else 0
    sums = np.bincount(owners[kept], weights=values[kept].astype(np.float64), minlength=size)
    counts = np.bincount(owners[kept], minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means[owners].astype(np.float32)


AUDIT = Audit(
    name="visual_necessity",
    title="Visual necessity",
    grain=Grain.TURN,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=NecessitySettings(),
    texts=wanted_texts,
    uses_vectors=True,
    uses_likelihoods=True,
    faults=("blind_questions",),
    revision=5,
)
