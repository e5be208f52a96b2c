"""Rated responses, as in VLFeedback: `prompt` (or `question`), `image` or `images`, and `completions` (or
`responses`): a list of objects with a `response` and a `rating` (or `score`), perhaps an `annotator`, or `ratings` by
several of them; or texts beside a list of `scores`. VLFeedback's `annotations` rate each aspect from 1 to 5; their
mean is the rating. `rating_scale` is the best rating possible."""

from collections.abc import Mapping, Sequence

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.messages import conversation
from ops.intake.row import Judgement, Message, Part, Row, RowError

_LISTS = ("completions", "responses")
_SCORES = ("scores", "ratings")
_PROMPTS = ("prompt", "question", "query")
_SCALES = ("rating_scale", "scale")
_UNRATED = ("", "N/A")
_USED = ("id", "image", "images", *_PROMPTS, *_SCALES, *_LISTS, *_SCORES)
_ASPECT_SCALE = 5.0


def _recognise(record: Fields) -> bool:
    value = next((record[name] for name in _LISTS if record.get(name) is not None), None)
    return isinstance(value, list | Mapping) and any(record.get(name) is not None for name in _PROMPTS)


def _parse(record: Fields) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    asked = _first(record, _PROMPTS)
    prompt = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    if not isinstance(prompt, list):
        raise RowError("field_type", "prompt is neither text nor messages")
    turns = conversation(prompt, images, implicit=True)
    best = next((record[name] for name in _SCALES if record.get(name) is not None), None)
    scale = None if best is None else fields.number(best)
    judgements: list[Judgement] = []
    answers: list[Message] = []
    for item in _responses(record):
        text = fields.text_field(item, next((k for k in ("response", "text", "content") if k in item), "response"))
        answers.append(Message("response", (Part(text),)))
        judgements += _judgements(item, text, scale)
    return Row(
        kind="preference",
        source_id=fields.id_field(record, "id"),
        messages=(*turns.messages, *answers),
        images=turns.images,
        judgements=tuple(judgements),
        metadata={**fields.rest(record, *_USED), **_details(record)},
    )


def _first(record: Fields, names: Sequence[str]) -> Cell:
    """The first of these fields that is filled; one of them must be."""
    value = next((record[name] for name in names if record.get(name) is not None), None)
    if value is None:
        raise RowError("field_missing", names[0])
    return value


def _responses(record: Fields) -> Sequence[Fields]:
    value = _first(record, _LISTS)
    if isinstance(value, Mapping):  # a sequence of structs, as Hugging Face datasets stores it: an object of lists
        lists = [v for v in value.values() if isinstance(v, list)]
        if len({len(v) for v in lists}) != 1 or len(lists) != len(value):
            raise RowError("rating_invalid", "completions whose lists differ in length")
        value = [dict(zip(value, parts, strict=True)) for parts in zip(*lists, strict=True)]
    if not isinstance(value, list):
        raise RowError("field_type", "the responses are neither a list nor an object of lists")
    scores = next((scores for scores in map(record.get, _SCORES) if isinstance(scores, list)), None)
    if scores is not None and len(scores) != len(value):
        raise RowError("rating_invalid", f"{len(value)} responses, {len(scores)} ratings")
    items: list[Fields] = [{"response": v} if isinstance(v, str) else v for v in value if isinstance(v, str | Mapping)]
    if len(items) != len(value):
        raise RowError("field_type", "a response is neither text nor an object")
    if scores is not None:
        items = [{**item, "rating": score} for item, score in zip(items, scores, strict=True)]
    return items


def _judgements(item: Fields, text: str, scale: float | None) -> list[Judgement]:
    several = item.get("ratings")
    if isinstance(several, list) and several:
        return [_judgement(one if isinstance(one, Mapping) else {"rating": one}, text, scale) for one in several]
    aspects = item.get("annotations")
    if isinstance(aspects, Mapping):
        usual = _ASPECT_SCALE if scale is None else scale
        return [_judgement({**item, "rating": _mean(aspects)}, text, usual)]
    return [_judgement(item, text, scale)]


def _judgement(item: Fields, text: str, scale: float | None) -> Judgement:
    value = item.get("rating", item.get("score"))
    own = item.get("rating_scale", item.get("scale"))
    return Judgement(
        text,
        rating=None if value is None or value in _UNRATED else fields.number(value),
        rating_scale=scale if own is None else fields.number(own),
        annotator=fields.annotator(item.get("annotator", item.get("annotator_id"))),
    )


def _mean(aspects: Fields) -> float | None:
    ratings = [a.get("Rating", a.get("rating")) for a in aspects.values() if isinstance(a, Mapping)]
    numbers = [fields.number(value) for value in ratings if value is not None and value not in _UNRATED]
    return sum(numbers) / len(numbers) if numbers else None


def _details(record: Fields) -> dict[str, Cell]:
    """What the responses say beside text and rating: their models, rationales, single aspects."""
    used = ("response", "text", "content", "rating", "score", "annotator", "annotator_id", "rating_scale", "scale")
    kept: Sequence[dict[str, Cell]] = [fields.rest(item, *used) for item in _responses(record)]
    return {"responses": list(kept)} if any(kept) else {}


FORMAT = Format(
    name="rated",
    title="Rated responses (VLFeedback)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(_LISTS),
    rank=5,
)
