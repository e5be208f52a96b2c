"""Plants faults in sound rows. Each function spoils rows of the pool, or returns spoilt ones to be mixed in, and takes
the rows it involves out of the pool: no row has two faults."""

from random import Random
from typing import TypeVar

from ops.core.errors import UnusableError
from ops.demo.pictures import Picture, false_turns
from ops.demo.rows import ANNOTATORS, Row, other_answers

Sound = TypeVar("Sound")

# Answered without any picture, by anyone; spelt as easy-VQA spells, so that the spelling tells nothing.
KNOWLEDGE = (
    ("how many sides does a triangle have?", "3"),
    ("how many corners does a rectangle have?", "4"),
    ("how many corners does a circle have?", "0"),
    ("how many minutes are there in an hour?", "60"),
    ("how many days are there in a week?", "7"),
    ("which color do blue and yellow paint make?", "green"),
    ("what color is fresh snow?", "white"),
    ("is a square a kind of rectangle?", "yes"),
    ("is a circle round?", "yes"),
    ("does a triangle have four sides?", "no"),
)


def _take(pool: list[Sound], count: int) -> list[Sound]:
    if len(pool) < count:
        raise UnusableError(
            f"{count} more sound rows are needed to plant faults in and {len(pool)} are left: build more"
        )
    taken = pool[len(pool) - count :]
    del pool[len(pool) - count :]
    return taken


def _untrue(row: Row, picture: Picture | None) -> int:
    if picture is None:
        raise ValueError(f"a row without a picture was to lend one to {row.turns}")
    return false_turns(row.turns, picture)


def swap_images(pool: list[Row], count: int) -> None:
    """Exchanges the pictures of `count` rows pairwise, so that each gets a picture of which something it says is
    untrue. The set of pictures stays the same: none turns up twice, none goes."""
    waiting = _take(pool, count // 2 * 2)
    while waiting:
        last = waiting.pop()
        partner = next((row for row in waiting if _untrue(last, row.picture) and _untrue(row, last.picture)), None)
        if partner is None:
            waiting += _take(pool, 1)
            pool.insert(0, last)
            continue
        waiting.remove(partner)
        last.picture, partner.picture = partner.picture, last.picture
        for row in (last, partner):
            row.fault, row.detail = "wrong_image", f"untrue answers: {_untrue(row, row.picture)} of {len(row.turns)}"


def shift_images(rows: list[Row], *, count: int, by: int, rng: Random) -> None:
    """Gives each row of a run of `count` the picture of the row `by` further on, going round at the run's end so that
    no picture turns up twice and none goes."""
    start = rng.randrange(len(rows) - count + 1)
    run = rows[start : start + count]
    pictures = [row.picture for row in run]
    for row, picture in zip(run, pictures[by:] + pictures[:by], strict=True):
        row.picture = picture
        untrue = _untrue(row, picture)
        row.fault, row.detail = "shifted_join", f"shifted by {by}; untrue answers: {untrue} of {len(row.turns)}"


def break_images(pool: list[Row], count: int) -> None:
    """Marks rows whose image file will be cut short or missing, in turn."""
    for n, row in enumerate(_take(pool, count)):
        row.image_fault = ("truncated", "missing")[n % 2]
        row.fault, row.detail = "unreadable_image", f"image file {row.image_fault}"


def miscount_placeholders(pool: list[Row], count: int) -> None:
    """Gives rows two placeholders for their one image, or none, in turn."""
    for n, row in enumerate(_take(pool, count)):
        row.placeholders = (2, 0)[n % 2]
        row.fault, row.detail = "placeholder_mismatch", f"{row.placeholders} placeholders for 1 image"


def copies(pool: list[Row], count: int) -> list[Row]:
    """Rows that repeat another under an id of their own."""
    return [
        Row(
            turns=row.turns,
            picture=row.picture,
            fault="duplicated_examples",
            detail="equal to another row",
            partners=[row],
        )
        for row in _take(pool, count)
    ]


def contradicting_answers(pool: list[Row], count: int, rng: Random) -> list[Row]:
    """Rows that put one question of another row again, about the same picture, and answer it otherwise."""
    rows: list[Row] = []
    for row in _take(pool, count):
        question, right = rng.choice(row.turns)
        wrong = rng.choice(other_answers(right))
        detail = f"{wrong!r}, elsewhere {right!r}: {question}"
        turns = ((question, wrong),)
        rows.append(Row(turns=turns, picture=row.picture, fault="contradictory_answers", detail=detail, partners=[row]))
    return rows


def rejected_targets(queries: list[list[Row]], count: int) -> list[Row]:
    """Conversations whose answer is one that the judges of the same question and picture rejected."""
    rows: list[Row] = []
    for judged in _take(queries, count):
        question, rejected = judged[0].turns[0][0], judged[0].rejected or ""
        row = Row(turns=((question, rejected),), picture=judged[0].picture, partners=list(judged))
        row.fault, row.detail = "rejected_as_target", f"{rejected!r} was rejected: {question}"
        rows.append(row)
    return rows


def contradicting_judgements(queries: list[list[Row]], count: int, rng: Random) -> list[Row]:
    """Judgements by one more annotator that cannot hold beside those there are: half the same pair the other way
    round, half a circle (A over B, B over C, C over A, of which the last is marked as the fault)."""
    with_third = [judged for judged in queries if len(other_answers(judged[0].turns[0][1])) > 1]
    to_circle = _take(with_third, count // 2)
    to_flip = _take([judged for judged in queries if judged not in to_circle], count - count // 2)
    for judged in (*to_circle, *to_flip):
        queries.remove(judged)
    flips = [_judge(judged, judged[0].rejected or "", judged[0].turns[0][1], rng) for judged in to_flip]
    return flips + [row for judged in to_circle for row in _circle(judged, rng)]


def _circle(judged: list[Row], rng: Random) -> tuple[Row, Row]:
    right, wrong = judged[0].turns[0][1], judged[0].rejected or ""
    third = rng.choice([one for one in other_answers(right) if one != wrong])
    link = _judge(judged, wrong, third, rng)
    link.fault, link.detail, link.partners = None, "", []
    closing = _judge(judged, third, right, rng)
    closing.partners.append(link)
    return link, closing


def _judge(judged: list[Row], preferred: str, rejected: str, rng: Random) -> Row:
    """One more judgement of that question, marked as contradicting the others."""
    question = judged[0].turns[0][0]
    annotator = rng.choice([who for who in ANNOTATORS if who not in {row.annotator for row in judged}])
    row = Row(turns=((question, preferred),), picture=judged[0].picture, rejected=rejected, annotator=annotator)
    row.partners = list(judged)
    row.fault, row.detail = (
        "contradictory_judgements",
        f"{preferred!r} over {rejected!r}, against others: {question}",
    )
    return row


def blind_conversations(pool: list[Row], count: int, rng: Random) -> list[Row]:
    """Conversations about a picture in which every answer is in the question or is common knowledge. What they say of
    the picture is true."""
    known = [row.picture for row in pool if row.picture is not None and len(row.picture.possible) == 1]
    rows: list[Row] = []
    for picture in _take(known, count):
        shape, colour = picture.possible[0].shape, picture.possible[0].colour
        given = (
            (f"a {colour} {shape} is in the image. what color is the {shape}?", colour),
            (f"the picture shows one shape, a {shape}. which shape is it?", shape),
            (f"my friend says that the {shape} is {colour}. which color does my friend name?", colour),
            (f"there is a {colour} {shape} here. is there a {shape} here?", "yes"),
        )
        turns = rng.sample(given, 2) + rng.sample(KNOWLEDGE, rng.randrange(1, 3))
        rng.shuffle(turns)
        detail = f"{len(turns)} questions that need no picture"
        rows.append(Row(turns=tuple(turns), picture=picture, fault="blind_questions", detail=detail))
    return rows
