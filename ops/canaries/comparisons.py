"""Canaries of audits that compare the whole corpus: copies of a delivery's rows, and rows that contradict them. They
come as a drop that comes last, so that beside their rows they are what is redundant or in doubt."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice

import pyarrow as pa
from PIL import Image

from ops.canaries.rewording import reworded
from ops.canaries.rows import MARK, Row, answered, marked, showing
from ops.canaries.texts import false_answer
from ops.core.arrow import is_in, rows_where
from ops.core.identity import digest, image_id
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES
from ops.intake.image_checks import check_image, decode_rgb
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from ops.text.closed_answers import ClosedAnswer, answer_to

COPIED, REWORDED, REENCODED = "exact_copy", "reworded_copy", "reencoded_image"
ANSWERED, REJECTED, NEAR_REJECTED = "other_answer", "rejected_answer", "near_rejected"
EXCHANGED = "exchanged_pair"
KINDS: Mapping[str, str] = {
    **dict.fromkeys((COPIED, REWORDED, REENCODED, ANSWERED, REJECTED, NEAR_REJECTED), "sft"),
    EXCHANGED: "preference",
}
"""The kind of example that canaries with each fault are."""
_OF_PAIRS = (EXCHANGED, REJECTED, NEAR_REJECTED)
_FEWEST_WORDS = 6  # of a response that is reworded; shorter ones are too short to compare
_SCALE, _QUALITY = 0.75, 80  # a picture is stored anew at three quarters of its sides
_OTHER = {"chosen": "rejected", "rejected": "chosen"}


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Canaries (schemas.EXAMPLES), their judgements (schemas.PREFERENCES), the facts of pictures that they alone show
    (schemas.IMAGES without their bytes), and the fault of each by its id."""

    examples: pa.Table
    preferences: pa.Table
    images: pa.Table
    faults: Mapping[str, str]

    def of(self, faults: Sequence[str]) -> "Comparisons":
        """Those with one of these faults."""
        wanted = {name: fault for name, fault in self.faults.items() if fault in faults}
        ids = pa.array(wanted, pa.string())
        examples, preferences = (rows_where(t, is_in(t["example_id"], ids)) for t in (self.examples, self.preferences))
        return Comparisons(examples, preferences, self.images, wanted)


@dataclass(frozen=True, slots=True)
class _Canary:
    """A damaged row, its judgements, and the picture that it alone shows."""

    row: Row
    judgements: Sequence[Row] = ()
    picture: Row | None = None


def canary_delivery(delivery: str) -> str:
    """The delivery that canaries made of this one's rows come in."""
    return f"{MARK}{delivery}"


def comparisons(
    examples: pa.Table,
    preferences: pa.Table,
    pictures: Mapping[str, bytes],
    settings: IngestSettings,
    *,
    each: int,
) -> Comparisons:
    """Canaries of each kind made of these rows and their judgements: `each`, or as many as can be made; of `pictures`
    (`pictures_of`) the bytes are known. The same rows give the same canaries, whatever their order."""
    judged: dict[str, list[Row]] = {}
    for judgement in sorted(preferences.to_pylist(), key=lambda row: row["judgement_id"]):
        judged.setdefault(judgement["example_id"], []).append(judgement)
    makers: Mapping[str, Callable[[Row], _Canary | None]] = {
        COPIED: lambda row: _Canary(marked(row, COPIED)),
        REWORDED: _reworded,
        REENCODED: lambda row: _reencoded(row, pictures, settings),
        ANSWERED: _answered_otherwise,
        REJECTED: lambda row: _taught(row, REJECTED, _as_it_is),
        NEAR_REJECTED: lambda row: _taught(row, NEAR_REJECTED, partial(reworded, least_words=_FEWEST_WORDS)),
        EXCHANGED: lambda row: _exchanged(row, judged.get(row["example_id"], ())),
    }
    rows: list[Row] = examples.to_pylist()
    made = [(canary, fault) for fault, make in makers.items() for canary in islice(_made(rows, fault, make), each)]
    for canary, _ in made:
        delivery = canary_delivery(canary.row["delivery"])
        for row in (canary.row, *canary.judgements):
            row["delivery"] = delivery
    return Comparisons(
        pa.Table.from_pylist([canary.row for canary, _ in made], schema=EXAMPLES.schema),
        pa.Table.from_pylist([row for canary, _ in made for row in canary.judgements], schema=PREFERENCES.schema),
        pa.Table.from_pylist([canary.picture for canary, _ in made if canary.picture], schema=IMAGES.schema),
        {canary.row["example_id"]: fault for canary, fault in made},
    )


def pictures_of(examples: pa.Table, *, each: int) -> list[str]:
    """The images whose bytes `comparisons` of these rows wants."""
    rows: list[Row] = examples.to_pylist()
    return sorted({shown for row in islice(_in_order(rows, REENCODED), each) for shown in row["image_ids"] or ()})


def _made(rows: Sequence[Row], fault: str, make: Callable[[Row], _Canary | None]) -> Iterator[_Canary]:
    return (canary for row in _in_order(rows, fault) if (canary := make(row)) is not None)


def _in_order(rows: Sequence[Row], fault: str) -> Iterator[Row]:
    """Rows that a canary with the fault may be made of, in an order of its own."""
    kind = "preference" if fault in _OF_PAIRS else "sft"
    able = [row for row in rows if row["kind"] == kind and (fault != REENCODED or len(row["image_ids"] or ()) == 1)]
    return iter(sorted(able, key=lambda row: digest(f"{fault} {row['example_id']}")))


def _reworded(row: Row) -> _Canary | None:
    """One answer says a phrase in other words."""
    messages = reworded(row)
    return None if messages is None else _Canary(marked(row, REWORDED) | {"messages": messages})


def _reencoded(row: Row, pictures: Mapping[str, bytes], settings: IngestSettings) -> _Canary | None:
    """The row's only picture is stored anew, smaller and as JPEG; none where that is no picture that may enter."""
    data = pictures.get(row["image_ids"][0])
    if data is None:
        return None
    with decode_rgb(data) as image, io.BytesIO() as smaller:
        sides = (max(1, round(side * _SCALE)) for side in image.size)
        image.resize((next(sides), next(sides)), Image.Resampling.LANCZOS).save(smaller, "JPEG", quality=_QUALITY)
        again = smaller.getvalue()
    try:
        facts = asdict(check_image(again, settings))
    except RowError:
        return None
    name = image_id(again)
    known = {column: facts.get(column) for column in IMAGES.schema.names} | {"image_id": name}
    return _Canary(showing(row, name, REENCODED), picture=known)


def _answered_otherwise(row: Row) -> _Canary | None:
    """A closed answer says another number, another colour, or the opposite."""
    for fault in ("false_yes_no", "false_number", "false_colour"):
        false = false_answer(row, fault, {})
        if false is not None and any(map(_contradict, _closed(row), _closed(false))):
            return _Canary(marked(row, ANSWERED) | {"messages": false["messages"]})
    return None


def _closed(row: Row) -> list[ClosedAnswer | None]:
    return [answer_to(query, answer) for _, query, answer in answered(row)]


def _contradict(answer: ClosedAnswer | None, other: ClosedAnswer | None) -> bool:
    return answer is not None and other is not None and answer.kind == other.kind and answer.value != other.value


def _taught(row: Row, fault: str, change: Callable[[Row], list[Row] | None]) -> _Canary | None:
    """An SFT row whose answer is the pair's rejected response, changed; of pairs with one question alone, for an SFT
    row asks the last."""
    messages: list[Row] = row["messages"] or []
    roles = [message["role"] for message in messages]
    if (roles.count("user"), roles.count("rejected"), roles.count("assistant")) != (1, 1, 0):
        return None
    asked = [message for message in messages if message["role"] not in _OTHER]
    answer = {**messages[roles.index("rejected")], "role": "assistant"}
    canary = marked(row, fault) | {"kind": "sft", "metadata": None, "messages": [*asked, answer]}
    changed = change(canary)
    return None if changed is None else _Canary(canary | {"messages": changed})


def _as_it_is(row: Row) -> list[Row]:
    return row["messages"]


def _exchanged(row: Row, judgements: Sequence[Row]) -> _Canary | None:
    """The rejected response is chosen and the chosen one rejected; none of rows that compare nothing, or about
    nothing."""
    alike = [judged for judged in judgements if judged["response_key"] == judged["opponent_key"]]
    compared = [judged for judged in judgements if judged["label"] in _OTHER and judged["opponent_key"] is not None]
    if alike or len(compared) < 2 or not (row["image_ids"] or compared[0]["query"]):
        return None
    roles = [{**message, "role": _OTHER.get(message["role"], message["role"])} for message in row["messages"] or ()]
    # A rationale speaks of the responses as they were; the audit reads it, and would find the canary by it.
    canary = marked(row, EXCHANGED) | {"messages": roles, "metadata": None}
    return _Canary(canary, [_other_way(judged, canary, number) for number, judged in enumerate(compared)])


def _other_way(judgement: Row, canary: Row, number: int) -> Row:
    """The judgement with its two responses exchanged; ratings stay with the label."""
    response = {"response": judgement["opponent"], "response_key": judgement["opponent_key"]}
    opponent = {"opponent": judgement["response"], "opponent_key": judgement["response_key"]}
    name = canary["example_id"]
    return judgement | response | opponent | {"example_id": name, "judgement_id": f"{name}-{number}"}
