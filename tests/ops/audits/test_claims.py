"""Claims against drawn pictures whose colours and vectors are known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFont

from ops.audits.claims import AUDIT, ClaimSettings
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.vision.colours import ColourTable, picture_facts, shares_of
from ops.vision.regions import Phrase, RegionTable, naming

RED, BLUE, WHITE = (220, 20, 30), (30, 60, 220), (245, 245, 245)
COLOURS = {"red": RED, "blue": BLUE}


def drawn(*colours: tuple[int, int, int]) -> np.ndarray:
    """One square a colour on white."""
    picture = np.tile(np.array(WHITE, np.uint8), (32, 64, 1))
    for n, colour in enumerate(colours):
        picture[8:20, 4 + 18 * n : 16 + 18 * n] = colour
    return picture


def street() -> np.ndarray:
    """No plain ground, and neither red nor blue anywhere: greys and greens in bands."""
    grey, green = (120, 120, 120), (20, 140, 40)
    return np.array([[grey if (x // 5 + y // 7) % 2 else green for x in range(64)] for y in range(48)], np.uint8)


PICTURES = {"red": drawn(RED), "blue": drawn(BLUE), "two": drawn(RED, BLUE), "street": street()}
KEYS = {name: image_id(name.encode()) for name in PICTURES}
TABLE = ColourTable.of(list(KEYS.values()), [picture_facts(picture) for picture in PICTURES.values()])


def examples(rows: list[tuple[str, str, str]], dataset: str = "shapes") -> pa.Table:
    """From (pictures' names, query, answer)."""
    made = []
    for n, (pictures, query, answer) in enumerate(rows):
        ids = [KEYS[name] for name in pictures.split()]
        asked = [{"type": "image", "text": None, "image_id": i} for i in ids]
        asked.append({"type": "text", "text": query, "image_id": None})
        parts = [{"type": "text", "text": answer, "image_id": None}]
        messages = [{"role": "user", "parts": asked}, {"role": "assistant", "parts": parts}]
        keys = {"delivery": "d-0", "example_id": f"e{n:04d}", "dataset": dataset, "kind": "sft"}
        made.append(keys | {"messages": messages, "image_ids": ids})
    return pa.Table.from_pylist(made, schema=EXAMPLES.schema)


def no_vectors() -> Vectors:
    return Vectors.of([], np.zeros((0, 0)))


def inputs(rows: list[tuple[str, str, str]]) -> RowInputs:
    """Pixels alone."""
    none = no_vectors()
    return RowInputs(examples(rows), none, none, none, none, TABLE)


def seeing(rows: list[tuple[str, str, str]], *, sees: bool = True) -> RowInputs:
    """With an encoder that knows red from blue (or not): pictures and texts lie on the axis of their colour, and what
    denies one on the other's."""
    table = examples(rows)
    axes = np.eye(4)

    def text_vector(text: str) -> np.ndarray:
        if not sees:
            return axes[3]
        words = text.lower().rstrip(".").split()
        colour = 0 if "red" in words else 1 if "blue" in words else 3
        return axes[1 - colour if colour < 2 and {"no", "not"} & set(words) else colour]

    texts = AUDIT.texts(table) if AUDIT.texts else []
    images = Vectors.of([KEYS["red"], KEYS["blue"], KEYS["street"]], axes[[0, 1, 0]])
    text_vectors = Vectors.of([text_id(text) for text in texts], np.array([text_vector(text) for text in texts]))
    bank = Vectors.of([image_id(f"bank {n}".encode()) for n in range(20)], axes[[n % 2 for n in range(20)]])
    return RowInputs(table, images, text_vectors, bank, text_vectors, TABLE)


def measured(given: RowInputs, **settings: float) -> list[dict]:
    return AUDIT.measure(given, replace(ClaimSettings(), **settings)).to_pylist()


@pytest.mark.parametrize(
    ("picture", "query", "answer", "verdict"),
    [
        ("red", "What color is the square?", "red", "supported"),
        ("red", "What color is the square?", "blue", "contradicted"),
        ("red", "Describe it.", "A blue square lies on a white table here.", "contradicted"),
        ("red", "Is there a red shape?", "no", "contradicted"),
        ("red", "Is there a blue shape?", "no", "supported"),
        ("red", "Is there a red circle?", "no", "abstained"),
        ("street", "What color is the car?", "blue", "contradicted"),
        ("street", "What color is the car?", "green", "abstained"),
        ("two", "How many shapes are there?", "2", "supported"),
        ("two", "How many shapes are there?", "3", "abstained"),
        ("red", "How many shapes are there?", "3", "contradicted"),
        ("street", "How many shapes are there?", "3", "abstained"),
        ("red", "How many dogs are there?", "3", "abstained"),
        ("red", "What is written?", 'The sign says "STOP".', "abstained"),
        ("street", "What does the sign say?", "STOP", "abstained"),
        ("red blue", "What color is the square?", "teal", "abstained"),
    ],
)
def test_pixels_alone(picture: str, query: str, answer: str, verdict: str):
    row = measured(inputs([(picture, query, answer)]))[0]
    assert row["verdict"] == verdict
    assert row["abstained"] == (verdict == "abstained") == (row["why"] is not None)
    assert (row["witness"] == "pixels") == (verdict != "abstained")


def test_evidence_names_the_region_and_its_colours():
    subject, whole = measured(
        inputs([("red", "What color is the square?", "blue"), ("street", "What color is the car?", "blue")])
    )
    assert (subject["region"], subject["colours"], subject["possible_share"]) == ("subject", "red 100%", 0)
    assert subject["box"] == pytest.approx([4 / 64, 8 / 32, 16 / 64, 20 / 32], abs=0.01)
    assert (whole["region"], whole["box"]) == ("image", [0, 0, 1, 1])


def both(n: int) -> list[tuple[str, str, str]]:
    """n true claims of colour."""
    return [(colour, f"Is thing {k} {colour}?", "yes") for k in range(n // 2) for colour in COLOURS]


def test_encoder_is_heard_where_the_delivery_shows_that_it_sees():
    false = [("red", "Is there a red square?", "no")]
    rows = measured(seeing(both(40) + false))
    assert all(row["agreed_share"] == pytest.approx(40 / 41) for row in rows)
    wrong = rows[-1]
    assert (wrong["verdict"], wrong["witness"], wrong["foil"]) == ("contradicted", "encoder", "There is a red square.")
    assert wrong["margin"] < 0 < wrong["score"]
    assert wrong["score"] > max(row["score"] for row in rows[:-1])


@pytest.mark.parametrize("fault", ["too few", "blind", "mostly false"])
def test_encoder_is_not_heard_where_it_does_not(fault: str):
    rows = both(10 if fault == "too few" else 40)
    if fault == "mostly false":
        rows = [(picture, query, "no" if n % 2 else "yes") for n, (picture, query, _) in enumerate(rows)]
    rows.append(("red", "Is there a red square?", "no"))
    (last,) = measured(seeing(rows, sees=fault != "blind"))[-1:]
    assert (last["verdict"], last["abstained"]) == ("abstained", True)


def test_disagreeing_witnesses_abstain():
    # The encoder takes the street for something red; no pixel of it is.
    rows = [*both(40), ("street", "What color is the square?", "red")]
    last = measured(seeing(rows))[-1]
    assert (last["verdict"], last["why"]) == ("abstained", "the pixels and the encoder disagree")


def test_other_answers_to_the_same_question_are_the_foils():
    rows = [("red", "What is in the image?", "red ball"), ("blue", "what is in the image?", "blue ball")]
    rows += [("blue", "What else is in the image?", "red ball")]
    measures = measured(seeing(rows))
    assert [row["kind"] for row in measures] == ["presence"] * 3
    assert [row["foil"] for row in measures] == ["A blue ball is in the image.", "A red ball is in the image.", None]
    # A cosine of 1, in standard deviations: two of the bank's three texts lie on the axis of one half of its pictures.
    assert [row["margin"] for row in measures] == [pytest.approx(3 / 2**0.5), pytest.approx(3 / 2**0.5), None]


@pytest.mark.parametrize("narrow", [0.5, 0.9])
def test_margins_do_not_depend_on_how_far_an_encoders_cosines_spread(narrow: float):
    given = seeing(both(40))
    wide = measured(given)

    def drawn_together(vectors: Vectors) -> Vectors:
        shared = np.full((len(vectors), 1), narrow**0.5)
        return Vectors(vectors.ids, np.hstack([(1 - narrow) ** 0.5 * vectors.matrix, shared]).astype(np.float16))

    names = ("images", "texts", "bank_images", "bank_texts")
    cone = measured(replace(given, **{name: drawn_together(getattr(given, name)) for name in names}))
    assert [row["margin"] for row in cone] == pytest.approx([row["margin"] for row in wide], rel=0.02)
    assert [row["verdict"] for row in cone] == [row["verdict"] for row in wide]


def placed(
    rows: list[tuple[str, str, str]], things_by_picture: dict[str, str], *, fit: float = 5, margin: float = 2
) -> RowInputs:
    """Of rows about the street: each thing in `seen` has a place of one colour, found with this fit and margin."""
    painted = {"red": RED, "blue": BLUE, "green": (20, 140, 40)}
    every = np.ones((4, 4), bool)
    colours = {name: 2 * shares_of(np.tile(np.array(rgb, np.uint8), (4, 4, 1)), every) for name, rgb in painted.items()}
    keys = [Phrase(KEYS["street"], thing).key for thing in things_by_picture]
    boxes, figures = [(0.25, 0.5, 0.5, 1.0)] * len(things_by_picture), [(0.3, fit, margin)] * len(things_by_picture)
    regions = RegionTable.of(keys, boxes, figures, [colours[colour] for colour in things_by_picture.values()])
    return replace(inputs(rows), regions=regions)


def things(n: int, *, true: int) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """n claims that a thing of the street is green, of which the first so many are true; others are red."""
    names = [f"{first}{second}cart" for first in "bdfglmn" for second in "aeiouy"][:n]
    rows = [("street", f"What color is the {name}?", "green") for name in names]
    return rows, {name: "green" if k < true else "red" for k, name in enumerate(names)}


def test_the_place_of_the_thing_decides_where_places_are_heard():
    rows, pictured = things(40, true=39)
    measures = measured(placed(rows, pictured))
    assert [row["verdict"] for row in measures] == ["supported"] * 39 + ["contradicted"]
    wrong = measures[-1]
    assert (wrong["region"], wrong["witness"], wrong["colours"]) == ("phrase", "pixels", "red 100%")
    assert wrong["box"] == [0.25, 0.5, 0.5, 1.0]
    assert (wrong["region_fit"], wrong["region_margin"]) == (5, 2)
    assert wrong["score"] > measures[0]["score"]
    assert 0.9 <= wrong["region_agreed_share"] < 1


@pytest.mark.parametrize("why", ["fit", "margin", "too few", "points anywhere", "nothing ruled out"])
def test_places_are_not_heard_without_evidence(why: str):
    rows, pictured = things(20 if why == "too few" else 40, true=10 if why == "points anywhere" else 19)
    if why == "nothing ruled out":
        rows, pictured = [], {}
    given = placed(rows, pictured, fit=2 if why == "fit" else 5, margin=0.5 if why == "margin" else 2)
    rows = [*rows, ("street", "What color is the car?", "green")]
    measures = measured(replace(given, examples=examples(rows)))
    assert {row["verdict"] for row in measures} == {"abstained"}
    assert {row["region"] for row in measures} == {"image"}


def test_what_needs_a_place_is_asked_for():
    rows = [
        ("street", "What color is the car?", "red"),
        ("street", "What color is the background?", "red"),
        ("street", "What color is the object?", "red"),
        ("street", "Is there a red bus?", "no"),
        ("street", "How many birds are there?", "2"),
        ("red", "What color is the square?", "red"),
        ("street red", "What color is the van?", "red"),
    ]
    table = examples(rows)
    assert AUDIT.phrases is not None
    assert AUDIT.texts is not None
    assert AUDIT.phrases(table, TABLE) == [Phrase(KEYS["street"], "car")]
    assert {naming("car"), naming("person")} <= set(AUDIT.texts(table))
    assert naming("person") not in AUDIT.texts(examples([("street", "How many birds are there?", "2")]))


SIGNS = [f"{word} street" for word in ("oak", "elm", "main", "high", "mill", "park", "lake", "hill", "king", "bay")]


def reading(rows: list[tuple[int, str]], *, reads: bool) -> RowInputs:
    """Pictures of signs, by number (twice each), and what is claimed to be written on them. An encoder that reads has a
    sign and its text on one axis; one that does not has the text of another there."""
    ids = [image_id(f"sign {n}".encode()) for n in range(2 * len(SIGNS))]
    axes, other = np.eye(len(SIGNS)), np.roll(np.eye(len(SIGNS)), 3, axis=0)
    made = examples([("street", "What does the sign say?", said) for _, said in rows]).to_pylist()
    for row, (sign, _) in zip(made, rows, strict=True):
        row["image_ids"] = [ids[sign]]
    table = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    images = Vectors.of(ids, np.tile(axes, (2, 1)))
    wanted = AUDIT.texts(table) if AUDIT.texts else []
    places = {text: n for text in wanted for n, sign in enumerate(SIGNS) if f'"{sign}"' in text}
    spread = np.stack([(axes if reads else other)[n] for n in places.values()])
    texts = Vectors.of([text_id(text) for text in places], spread)
    return RowInputs(table, images, texts, images, texts)


def test_written_text_is_told_by_an_encoder_that_reads():
    rows = [(n % 10, SIGNS[n % 10].upper()) for n in range(40)]
    measures = measured(reading([*rows, (10, "Elm street")], reads=True))
    assert [row["kind"] for row in measures] == ["text"] * 41
    assert [row["verdict"] for row in measures] == ["supported"] * 40 + ["contradicted"]
    assert measures[-1]["foil"] == 'The text "oak street" is written.'


def test_texts_of_one_picture_are_no_foils_of_each_other():
    both = [(0, "oak street"), (0, "elm street"), (1, "lake street")]
    assert [row["foil"] for row in measured(reading(both, reads=True))[:2]] == [
        'The text "lake street" is written.'
    ] * 2


def test_written_text_abstains_where_the_encoder_does_not_read():
    rows = [(n % 10, SIGNS[n % 10]) for n in range(40)]
    measures = measured(reading([*rows, (10, "Elm street")], reads=False))
    assert {row["verdict"] for row in measures} == {"abstained"}
    assert measures[0]["agreed_share"] < 0.75


@pytest.mark.full
def test_mini_abstains_on_drawn_words():
    """Real pictures of words, real vectors: mini cannot read, and the delivery shows it."""
    from resources.config.encoder_settings import EncoderSettings
    from resources.models.encoder import load_encoder  # imports torch, which no other test here needs

    words = [f"{sign} {number}" for sign in SIGNS for number in (12, 307, 45, 98)]
    encoder = load_encoder(EncoderSettings(device="cpu"))
    pictures = [drawn_word(word) for word in words]
    ids = [image_id(picture.tobytes()) for picture in pictures]
    made = examples([("street", "What does the sign say?", word) for word in words]).to_pylist()
    for row, key in zip(made, ids, strict=True):
        row["image_ids"] = [key]
    table = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    images = Vectors.of(ids, encoder.encode_images(pictures))
    wanted = AUDIT.texts(table) if AUDIT.texts else []
    texts = Vectors.of([text_id(text) for text in wanted], encoder.encode_texts(wanted))
    measures = measured(RowInputs(table, images, texts, images, texts))
    assert len(measures) == len(words)
    assert all(row["margin"] is not None for row in measures)
    assert {row["verdict"] for row in measures} == {"abstained"}


def drawn_word(word: str) -> Image.Image:
    picture = Image.new("RGB", (300, 120), "white")
    ImageDraw.Draw(picture).text((20, 35), word, "black", ImageFont.load_default(36))
    return picture


def test_impossible_settings_are_errors():
    for wrong in ({"foil_margin": -1.0}, {"decided": 2.0}, {"agreement": 0.2}):
        with pytest.raises(ValueError, match="agreement between"):
            replace(ClaimSettings(), **wrong)
