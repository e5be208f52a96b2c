"""The four conditions as drops: easy-VQA conversations in LLaVA's layout with faults planted by seed.

The rows show pictures of the test split, which the heads of the mini encoder have not seen (they are fitted on the
train split); what is trained on them is tried on pictures of the train split.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

import easy_vqa

from ops.demo import plant
from ops.demo.pictures import COLOURS, SHAPES, Facts, Picture, answer, load_pictures
from ops.demo.rows import Row, judgements, one_conversation_each, other_answers, text_only

CONDITIONS = ("clean", "noisy", "text", "preference")
WRONG_IMAGES, WRONG_ANSWERS, CONTRADICTED = 0.15, 0.10, 0.15
TEXT_SHARE, BLIND_SHARE = 0.8, 0.2
REJECTED, TRACED = 0.15, 0.15
VISUAL_SHARE = 0.7
"""What the oracle brings a drop that text drowns to."""
TEXT_TURNS = 9
"""Turns of a row without a picture: about as many as a picture has questions, so that rows weigh alike."""
_PAIRED = 0.5
"""Share of the rejected conversations whose preference pairs are in the drop."""
JUDGES_LINES = ("Score: 4/5", "Rating: [[7]]", "<|reward|> 0.82", "reward 0.9", "preferred by most", "score 5")
_JOINTS = (" ", "\n")


@dataclass(frozen=True, slots=True)
class Planted:
    """A drop's rows for SFT, by source id, and what an oracle would leave out."""

    rows: dict[str, Row]
    bad: frozenset[str]


def train_pictures() -> list[Picture]:
    """The pictures of the train split of which shape and colour follow from their questions."""
    turns: dict[int, list[tuple[str, str]]] = {}
    for question, reply, number in zip(*easy_vqa.get_train_questions(), strict=True):
        turns.setdefault(number, []).append((question, reply))
    paths = easy_vqa.get_train_image_paths()
    pictures: list[Picture] = []
    for number, asked in sorted(turns.items()):
        facts = [Facts(*one) for one in product(SHAPES, COLOURS)]
        possible = tuple(one for one in facts if all(answer(q, one) == reply for q, reply in asked))
        if len(possible) == 1:
            pictures.append(Picture(Path(paths[number]), tuple(asked), possible))
    return pictures


def pictures_of(size: int, seed: int) -> list[Path]:
    """What the rows of all conditions show."""
    pictures = load_pictures()
    Random(seed).shuffle(pictures)  # noqa: S311
    return [picture.path for picture in pictures[:size]]


def rows_of(condition: str, size: int, rng: Random) -> tuple[list[Row], list[list[Row]]]:
    """The rows for SFT of `size` conversations, faults marked, and the judged questions beside them."""
    pictures = load_pictures()
    rng.shuffle(pictures)
    rows = one_conversation_each(pictures[:size])
    judged: list[list[Row]] = []
    if condition == "noisy":
        rows = _noisy(rows, rng)
    elif condition == "text":
        rows = _drowned(rows, rng)
    elif condition == "preference":
        judged = judgements(pictures[size : size + size // 4], rng) + _polluted(rows, rng)
    rng.shuffle(rows)
    return rows, judged


def _noisy(rows: list[Row], rng: Random) -> list[Row]:
    size, pool = len(rows), rng.sample(rows, len(rows))
    plant.swap_images(pool, round(WRONG_IMAGES * size))
    for row in _taken(pool, WRONG_ANSWERS * size):
        row.turns, row.fault = tuple(_wrong(turn, rng) for turn in row.turns), "wrong_answer"
    more: list[Row] = []
    for row in _taken(pool, CONTRADICTED * size):
        turns = tuple(_wrong(turn, rng) if rng.random() < 0.5 else turn for turn in row.turns)
        more.append(Row(turns=turns, picture=row.picture, fault="contradictory_answers"))
    return [*rows, *more]


def _drowned(rows: list[Row], rng: Random) -> list[Row]:
    size = len(rows)
    visual = round((1 - TEXT_SHARE) * size)
    blind = round(BLIND_SHARE * size)
    pool = [row for row in rows[visual:] if row.picture is not None and len(row.picture.possible) == 1]
    pictured = plant.blind_conversations(pool, min(blind, len(pool)), rng)
    sums = text_only(size - visual - len(pictured), rng)
    asked = [turn for row in text_only(4 * size, rng) for turn in row.turns]
    texts: list[Row] = []
    for row in sums:
        given = [blind_turn(_drawn(rng), rng) for _ in range(TEXT_TURNS // 2)]
        turns = [*row.turns, *given, *rng.sample(asked, TEXT_TURNS - len(given) - len(row.turns))]
        rng.shuffle(turns)
        texts.append(Row(turns=tuple(turns), fault="text_only"))
    return [*rows[:visual], *pictured, *texts]


def _polluted(rows: list[Row], rng: Random) -> list[list[Row]]:
    pool = rng.sample(rows, len(rows))
    judged: list[list[Row]] = []
    for at, row in enumerate(rejected := _taken(pool, REJECTED * len(rows))):
        right, row.turns = row.turns, tuple(_wrong(turn, rng) for turn in row.turns)
        row.fault = "rejected_as_target"
        if at < _PAIRED * len(rejected):
            for (question, chosen), (_, wrong) in zip(right, row.turns, strict=True):
                pair = {"turns": ((question, chosen),), "picture": row.picture, "rejected": wrong}
                judged.append([Row(**pair, annotator="ada")])
    for row in _taken(pool, TRACED * len(rows)):
        trace = rng.choice(_JOINTS) + rng.choice(JUDGES_LINES)
        row.turns, row.fault = tuple((q, f"{reply}{trace}") for q, reply in row.turns), "reward_trace"
    return judged


def _taken(pool: list[Row], count: float) -> list[Row]:
    return [pool.pop() for _ in range(round(count))]


def _wrong(turn: tuple[str, str], rng: Random) -> tuple[str, str]:
    return turn[0], rng.choice(other_answers(turn[1]))


def _drawn(rng: Random) -> Facts:
    return Facts(rng.choice(SHAPES), rng.choice(COLOURS))


def blind_turn(facts: Facts, rng: Random) -> tuple[str, str]:
    """A question that gives its answer away."""
    shape, colour = facts.shape, facts.colour
    return rng.choice(
        (
            (f"a {colour} {shape} is in the image. what color is the {shape}?", colour),
            (f"the picture shows one shape, a {shape}. which shape is it?", shape),
            (f"my friend says that the {shape} is {colour}. which color does my friend name?", colour),
            (f"there is a {colour} {shape} here. is there a {shape} here?", "yes"),
        )
    )


def write_drop(folder: Path, condition: str, *, size: int, seed: int) -> Planted:
    """Writes the drop unless it is there; the same arguments give the same rows and ids."""
    rng = Random(seed)  # noqa: S311 - a seeded measurement
    rows, judged = rows_of(condition, size, rng)
    pairs = [row for query in judged for row in query]
    numbers = rng.sample(range(100_000, 1_000_000), len(rows) + len(pairs))
    for row, number in zip([*rows, *pairs], numbers, strict=True):
        row.source_id = f"q{number}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "images").mkdir(parents=True)
        _write(unfinished, rows, pairs, rng)
        unfinished.rename(folder)
    return Planted({row.source_id: row for row in rows}, _bad(rows, condition))


def _write(folder: Path, rows: Sequence[Row], pairs: Sequence[Row], rng: Random) -> None:
    names: dict[Path, str] = {}
    for row in (*rows, *pairs):
        if row.picture is not None and row.picture.path not in names:
            names[row.picture.path] = f"images/{rng.getrandbits(48):012x}.png"
            shutil.copyfile(row.picture.path, folder / names[row.picture.path])
    written = [row.llava(names[row.picture.path] if row.picture else None) for row in rows]
    (folder / "conversations.json").write_text(json.dumps(written), "utf-8")
    if pairs:
        lines = [json.dumps(row.preference(names[row.picture.path])) for row in pairs if row.picture]
        (folder / "preferences.jsonl").write_text("\n".join(lines), "utf-8")


def _bad(rows: Sequence[Row], condition: str) -> frozenset[str]:
    """What an oracle leaves out: planted rows; of text as many rows as are too many for `VISUAL_SHARE`."""
    if condition != "text":
        return frozenset(row.source_id for row in rows if row.fault)
    texts = [row.source_id for row in rows if row.fault == "text_only"]
    blind = [row.source_id for row in rows if row.fault == "blind_questions"]
    visual = len(rows) - len(texts) - len(blind)
    return frozenset([*blind, *texts[round(visual * (1 - VISUAL_SHARE) / VISUAL_SHARE) :]])
