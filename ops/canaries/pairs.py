"""Canaries that are made of preference pairs: rejected responses as targets, and pairs that say the opposite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ops.canaries.copies import stored_anew
from ops.canaries.rewording import reworded
from ops.canaries.rows import Canary, Row, drawn, marked, saying, text_of
from ops.core.canonical import image_key, query_key
from ops.intake.rows import IngestSettings

REJECTED, NEAR_REJECTED = "rejected_answer", "near_rejected"
EXCHANGED, EXCHANGED_IMAGE, EXCHANGED_QUERY = "exchanged_pair", "near_image", "near_query"
_FEWEST_WORDS = 6  # of a response that is reworded; shorter ones are too short to compare
_OTHER = {"chosen": "rejected", "rejected": "chosen"}
_ASKED = ("{query} Thank you.", "One question: {query}", "Dear assistant, {query}", "{query} I am curious.")


def taught(row: Row, fault: str, change: Callable[[Row], list[Row] | None]) -> Canary | None:
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
    return None if changed is None else Canary(canary | {"messages": changed})


def rejected_answer(row: Row) -> Canary | None:
    """The rejected response as it is."""
    return taught(row, REJECTED, lambda canary: canary["messages"])


def near_rejected(row: Row) -> Canary | None:
    """The rejected response with one phrase in other words."""
    return taught(row, NEAR_REJECTED, partial(reworded, least_words=_FEWEST_WORDS))


def exchanged(row: Row, judgements: Sequence[Row], fault: str = EXCHANGED) -> Canary | None:
    """The rejected response is chosen and the chosen one rejected; none of rows that compare nothing, or about
    nothing."""
    alike = [judged for judged in judgements if judged["response_key"] == judged["opponent_key"]]
    compared = [judged for judged in judgements if judged["label"] in _OTHER and judged["opponent_key"] is not None]
    if alike or len(compared) < 2 or not (row["image_ids"] or compared[0]["query"]):
        return None
    roles = [{**message, "role": _OTHER.get(message["role"], message["role"])} for message in row["messages"] or ()]
    # A rationale speaks of the responses as they were; the audit reads it, and would find the canary by it.
    canary = marked(row, fault) | {"messages": roles, "metadata": None}
    return Canary(canary, [_other_way(judged, canary, number) for number, judged in enumerate(compared)])


def exchanged_near_image(
    row: Row, judgements: Sequence[Row], pictures: Mapping[str, bytes], settings: IngestSettings
) -> Canary | None:
    """The pair exchanged, about its picture stored anew."""
    canary = exchanged(row, judgements, EXCHANGED_IMAGE)
    anew = stored_anew(row, EXCHANGED_IMAGE, pictures, settings) if canary else None
    if canary is None or anew is None:
        return None
    images = anew.row["image_ids"]
    messages = [
        {**message, "parts": other["parts"]}
        for message, other in zip(canary.row["messages"], anew.row["messages"], strict=True)
    ]
    about = {"image_ids": images, "image_key": image_key(images)}
    judged = [judgement | about for judgement in canary.judgements]
    return replace(anew, row=canary.row | {"messages": messages, "image_ids": images}, judgements=judged)


def exchanged_near_query(row: Row, judgements: Sequence[Row]) -> Canary | None:
    """The pair exchanged, and its question asked with a phrase around it; of pairs with one question alone."""
    canary, asked = exchanged(row, judgements, EXCHANGED_QUERY), asked_otherwise(row)
    if canary is None or asked is None:
        return None
    place, before, after = asked
    if any(judged["query_key"] != query_key(before) for judged in canary.judgements):
        return None
    messages = list(canary.row["messages"])
    messages[place] = saying(messages[place], after)
    about = {"query": after, "query_key": query_key(after)}
    return Canary(canary.row | {"messages": messages}, [judgement | about for judgement in canary.judgements])


def asked_otherwise(row: Row) -> tuple[int, str, str] | None:
    """The place of the row's only question among its messages, the question, and the same with a phrase around it."""
    messages: list[Row] = row["messages"] or []
    asking = [place for place, message in enumerate(messages) if message["role"] == "user"]
    query = text_of(messages[asking[0]]) if len(asking) == 1 else None
    if not query:
        return None
    return asking[0], query, drawn(row, "asked", _ASKED).format(query=query.strip())


def _other_way(judgement: Row, canary: Row, number: int) -> Row:
    """The judgement with its two responses exchanged; ratings stay with the label."""
    response = {"response": judgement["opponent"], "response_key": judgement["opponent_key"]}
    opponent = {"opponent": judgement["response"], "opponent_key": judgement["response_key"]}
    name = canary["example_id"]
    return judgement | response | opponent | {"example_id": name, "judgement_id": f"{name}-{number}"}
