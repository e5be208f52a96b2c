"""What an answer claims of its picture, claim by claim: supported, contradicted, or not to be told.

A claim is a colour ("a red car", "what color is the circle?" - "red"), a count, something's presence, a yes or no, or
written text (`kind`). It is held against two witnesses:

- The pixels, for colours, and for how many things stand on a plain ground. Where the picture shows one thing on a plain
  ground (`region` subject), its pixels decide: a colour is supported where half of them surely have it, contradicted
  where hardly any could be called so. In any other picture the encoder looks for the named thing, without its colour,
  among the cells of the picture (`region` phrase; ops/vision/regions.py, after MaskCLIP, Zhou et al., 2022). It has
  found a place where the thing fits there at least `region_fit` standard deviations better than everyday things do, and
  `region_margin` better than in the rest of the picture. The colour is supported where half of the place surely has it,
  contradicted where no pixel of any place where the thing may be could be called so. Without a place (`region` image) a
  colour is contradicted only where no pixel at all could be called so, and never supported. `box` is the region (left,
  top, right and bottom, as shares of the sides), `colours` what is seen in it, `possible_share` and `sure_share` how
  much of it could be, and surely is, of the claimed colour.
- The encoder, by foils (as in VALSE, Parcalabescu et al., 2022): the same words with another colour or number, the
  opposite answer, or what else the same question is answered in the delivery; of written text, what else is claimed to
  be written, in other pictures. `margin` is the claim's cosine with its picture less that of the best foil (`foil`),
  both less their mean over the bank's pictures, so that what the text alone prefers is taken off (`blind_margin`). Both
  are told in standard deviations of the bank's pairs of a picture and a text, as encoders differ in how far their
  cosines spread. A margin beyond `foil_margin` takes a side.

Not every encoder can tell every kind of claim in every sort of picture; the delivery itself shows it. Of a dataset's
claims of one kind, the encoder must take a side on at least `decided`, and on those agree with at least `agreement`;
else it is not heard on any of them, be it that it sees nothing or that too many of them are false (`agreed_share`).
Places are heard where they rule out claimed colours far more rarely than others: the one share less than
1 - `region_agreement` of the other. `region_agreed_share` is 1 less their ratio: 1 where no claimed colour is ruled
out, near 0 for an encoder that points at random and rules out both alike, below 0 where claimed colours are ruled out
more often than others. Either takes `fewest_claims`. Apart from that, where what a claim denies fits its picture
`denied_fit` standard deviations better than it fits others (`fit`), the denial is contradicted.

`verdict` is that of the pixels where they tell, else the encoder's (`witness` says which); where the two disagree, the
claim abstains. `score`, from 0 to 1, orders claims by the evidence against them, whatever the verdict. Claims of
examples with several pictures abstain, and counts in photographs mostly. Turns that claim nothing have no row.

Claims are read by rules for English. Of a turn whose question or answer is in another language none is read, whatever
languages the encoder reads: it has no row here, and `grounding` counts it among those that abstain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Fit, Grain, Scope, Suspicion
from ops.audits.ranges import ANY, SHARE, Range, column
from ops.claims.foils import (
    Answers,
    MadeClaim,
    Rivals,
    answers_of,
    foils_of,
    made_claims,
    merged_answers,
    rivals_of,
)
from ops.claims.places import Place, PlaceCuts, Pointed, RuledOut, places_of, pointed_at, ruled_out
from ops.claims.verdicts import (
    ABSTAINED,
    EncoderCuts,
    Hearing,
    Kind,
    Preference,
    Sides,
    Verdict,
    decide,
    hearings,
    preference_of,
    sides_taken,
)
from ops.claims.witnesses import Preferences, ask, sought
from ops.evidence.inputs import RowInputs
from ops.vision.colours import ColourTable
from ops.vision.regions import EVERYDAY, Phrase, naming


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """`audits.claims` in assay.yaml."""

    foil_margin: float = 0.6
    """Standard deviations (of the bank's pairs) by which a claim must beat its best foil, or lose to it, for the
    encoder to take a side."""
    decided: float = 0.5
    """Share of a dataset's claims of one kind on which the encoder must take a side to be heard on them."""
    agreement: float = 0.75
    """Share of those that it must agree with."""
    fewest_claims: int = 30
    """Claims of a dataset and kind below which it is not heard."""
    denied_fit: float = 3.0
    """Standard deviations by which what is denied must fit the picture better than others."""
    region_fit: float = 3.5
    """Standard deviations by which a thing must fit its place better than everyday things do."""
    region_margin: float = 1.0
    """Those by which it must fit there better than in the rest of the picture."""
    region_agreement: float = 0.9
    """1 less how often, at most, places may rule out claimed colours where they rule out others once."""

    def __post_init__(self) -> None:
        if self.foil_margin < 0 or not 0 <= self.decided <= 1 or not 0.5 <= self.agreement <= 1:
            raise ValueError(
                f"foil_margin must be at least 0, decided lie between 0 and 1, agreement between 0.5 and 1, but are "
                f"{self.foil_margin}, {self.decided} and {self.agreement}"
            )

    @property
    def encoder_cuts(self) -> EncoderCuts:
        """When the encoder is heard, and takes a side."""
        return EncoderCuts(self.foil_margin, self.denied_fit, self.fewest_claims, self.decided, self.agreement)

    @property
    def place_cuts(self) -> PlaceCuts:
        """When a place is certain, and places are heard."""
        return PlaceCuts(self.region_fit, self.region_margin, self.fewest_claims, self.region_agreement)


COLUMNS = pa.schema(
    [
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("kind", pa.string()),  # colour | count | presence | yes_no | text
        column("subject", pa.string()),
        column("said", pa.string()),
        column("is_denied", pa.bool_()),
        column("verdict", pa.string()),  # supported | contradicted | abstained
        column("witness", pa.string()),  # pixels | encoder
        column("score", pa.float32(), SHARE),
        column("region", pa.string()),  # subject | phrase | image
        column("box", pa.list_(pa.float32()), SHARE),
        column("colours", pa.string()),
        column("possible_share", pa.float32(), SHARE),
        column("sure_share", pa.float32(), SHARE),
        column("margin", pa.float32(), ANY),
        column("blind_margin", pa.float32(), ANY),
        column("fit", pa.float32(), ANY),
        column("foil", pa.string()),
        column("agreed_share", pa.float32(), SHARE),
        column("region_fit", pa.float32(), ANY),
        column("region_margin", pa.float32(), ANY),
        column("region_agreed_share", pa.float32(), Range(high=1)),
    ]
)


_FALSE = ("false_colour", "false_number", "false_object", "false_yes_no")


def wanted_texts(examples: pa.Table) -> list[str]:
    """The statements of claims about one picture, their foils, and the things whose places may be looked for."""
    claims = [made.claim for made in made_claims(examples) if len(made.images) == 1]
    things = {claim.subject for claim in claims if claim.kind == "colour" and claim.subject}
    texts = {text for claim in claims for text in (claim.statement, *claim.foils)}
    return sorted(texts | {naming(thing) for thing in (*things, *(EVERYDAY if things else ()))})


def wanted_phrases(examples: pa.Table, colours: ColourTable) -> list[Phrase]:
    """The things that colours are claimed of, in pictures that show more than one."""
    pictures = {i: colours.get(i) for ids in examples["image_ids"].to_pylist() if ids and len(ids) == 1 for i in ids}
    claims = [(made.images[0], made.claim) for made in made_claims(examples) if len(made.images) == 1]
    things = {(image, thing) for image, claim in claims if (thing := sought(claim, pictures[image]))}
    return [Phrase(image, thing) for image, thing in sorted(things)]


@dataclass(frozen=True, slots=True)
class _Trust:
    """Of the delivery's claims, how far the two witnesses agree with them: the encoder by dataset and kind, certain
    places by dataset."""

    sides: Mapping[Kind, Sides]
    ruled_out: Mapping[str | None, RuledOut]


@dataclass(frozen=True, slots=True)
class _Questioned:
    """The claims of a batch, in the order of their keys, with the datasets of its examples; the foils of each claim,
    what the encoder prefers, and where its thing may be."""

    made: Sequence[MadeClaim]
    datasets: Sequence[str | None]
    foils: Sequence[Sequence[str]]
    preferences: Preferences
    pointed: Sequence[Pointed]

    def trust(self, settings: ClaimSettings) -> _Trust:
        """That of these claims alone."""
        sides = sides_taken(self.made, self.datasets, self.preferences.margin, settings.encoder_cuts)
        return _Trust(sides, ruled_out(self.made, self.datasets, self.pointed))


def measure(inputs: RowInputs, settings: ClaimSettings) -> pa.Table:
    """One row a claim."""
    rivals, trust = inputs.fitted or (rivals_of(_answers(inputs, settings)), None)
    claims = _questioned(inputs, settings, rivals)
    trust = trust or claims.trust(settings)
    cuts = settings.encoder_cuts
    places = places_of(claims.made, claims.datasets, claims.pointed, trust.ruled_out, settings.place_cuts)
    heard = hearings(claims.made, claims.datasets, trust.sides, cuts)
    rows: list[dict[str, Any]] = []
    for n, claim in enumerate(claims.made):
        preference = preference_of(claims.preferences, n, claim.claim, claims.foils[n])
        verdict = decide(claim, places[n].sight, preference, heard[n], cuts)
        rows.append(_row(inputs.examples, claim, places[n], heard[n], preference, verdict))
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _questioned(inputs: RowInputs, settings: ClaimSettings, rivals: Rivals) -> _Questioned:
    ids = inputs.examples["example_id"].to_pylist()
    made = sorted(made_claims(inputs.examples), key=lambda claim: (ids[claim.row], claim.turn, claim.number))
    foils = foils_of(made, rivals)
    banks = {"bank_images": inputs.bank_images, "bank_texts": inputs.bank_texts}
    vectors = {"images": inputs.images, "texts": inputs.texts} | banks
    images = [claim.images[0] if len(claim.images) == 1 else "" for claim in made]
    preferences = ask([claim.claim for claim in made], foils, images, vectors)
    pointed = pointed_at(made, colours=inputs.colours, regions=inputs.regions, cuts=settings.place_cuts)
    return _Questioned(made, inputs.examples["dataset"].to_pylist(), foils, preferences, pointed)


def _answers(inputs: RowInputs, settings: ClaimSettings) -> Answers:
    return answers_of(list(made_claims(inputs.examples)))


def _merge_answers(parts: Iterable[Answers], settings: ClaimSettings) -> Answers:
    return merged_answers(parts)


def _rivals(answers: Answers, settings: ClaimSettings) -> Rivals:
    return rivals_of(answers)


def _trust(inputs: RowInputs, settings: ClaimSettings) -> _Trust:
    return _questioned(inputs, settings, inputs.fitted).trust(settings)


def _merge_trust(parts: Iterable[_Trust], settings: ClaimSettings) -> _Trust:
    sides: defaultdict[Kind, Sides] = defaultdict(Sides)
    placed: defaultdict[str | None, RuledOut] = defaultdict(RuledOut)
    for part in parts:
        for kind, taken in part.sides.items():
            sides[kind] += taken
        for dataset, places in part.ruled_out.items():
            placed[dataset] += places
    return _Trust(dict(sides), dict(placed))


def _row(
    examples: pa.Table,
    made: MadeClaim,
    place: Place,
    hearing: Hearing,
    preference: Preference | None,
    verdict: Verdict,
) -> dict[str, Any]:
    claim, sight = made.claim, place.sight
    row: dict[str, Any] = {
        "delivery": examples["delivery"][made.row].as_py(),
        "example_id": examples["example_id"][made.row].as_py(),
        "turn": made.turn,
        "claim": made.number,
        "abstained": verdict.verdict == ABSTAINED,
        "why": verdict.why,
        "kind": claim.kind,
        "subject": claim.subject or None,
        "said": claim.value,
        "is_denied": claim.is_denied,
        "verdict": verdict.verdict,
        "witness": verdict.witness,
        "score": verdict.score,
        "agreed_share": hearing.agreed_share,
        "region_agreed_share": place.agreed_share if place.region else None,
    }
    if sight.region:
        row |= {"region": sight.region, "box": list(sight.box or ()), "colours": sight.colours}
        row |= {"possible_share": sight.possible, "sure_share": sight.sure}
    if place.region:
        row |= {"region_fit": place.region.fit, "region_margin": place.region.margin}
    if preference:
        row |= {"margin": preference.margin, "blind_margin": preference.blind_margin, "fit": preference.fit}
        row["foil"] = preference.foil
    return row


AUDIT = Audit(
    name="claims",
    title="Claims that the pixels contradict",
    grain=Grain.CLAIM,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    fit=Fit(_trust, _merge_trust, after=Fit(_answers, _merge_answers, _rivals)),
    settings=ClaimSettings(),
    texts=wanted_texts,
    phrases=wanted_phrases,
    uses_vectors=True,
    uses_colours=True,
    faults=("wrong_image", *_FALSE),
    suspicion=Suspicion("score", 1, _FALSE),
    revision=5,
)
