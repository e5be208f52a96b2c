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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import ANY, SHARE, Range, column
from ops.claims.foils import MadeClaim, foils_of, made_claims
from ops.claims.texts import Claim, other_colours
from ops.claims.witnesses import CONTRADICTED, SUPPORTED, Preferences, Sight, ask, look, rules_out, sought
from ops.evidence.inputs import RowInputs
from ops.vision.colours import ColourTable
from ops.vision.regions import EVERYDAY, Phrase, Region, naming


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
_SCORE_MARGIN = 0.3  # standard deviations: the softness with which a margin becomes a score


def wanted_texts(examples: pa.Table) -> list[str]:
    """The statements of claims about one picture, their foils, and the things whose places may be looked for."""
    claims = [one.claim for one in made_claims(examples) if len(one.images) == 1]
    things = {claim.subject for claim in claims if claim.kind == "colour" and claim.subject}
    texts = {text for claim in claims for text in (claim.statement, *claim.foils)}
    return sorted(texts | {naming(thing) for thing in (*things, *(EVERYDAY if things else ()))})


def wanted_phrases(examples: pa.Table, colours: ColourTable) -> list[Phrase]:
    """The things that colours are claimed of, in pictures that show more than one."""
    pictures = {i: colours.get(i) for ids in examples["image_ids"].to_pylist() if ids and len(ids) == 1 for i in ids}
    made = (one for one in made_claims(examples) if len(one.images) == 1)
    found = {(image, thing) for one in made for image in one.images if (thing := sought(one.claim, pictures[image]))}
    return [Phrase(image, thing) for image, thing in sorted(found)]


def measure(inputs: RowInputs, settings: ClaimSettings) -> pa.Table:
    """One row a claim."""
    ids = inputs.examples["example_id"].to_pylist()
    datasets = inputs.examples["dataset"].to_pylist()
    made = sorted(made_claims(inputs.examples), key=lambda one: (ids[one.row], one.turn, one.number))
    foils = foils_of(made)
    banks = {"bank_images": inputs.bank_images, "bank_texts": inputs.bank_texts}
    vectors = {"images": inputs.images, "texts": inputs.texts} | banks
    shown = [one.images[0] if len(one.images) == 1 else "" for one in made]
    preferences = ask([one.claim for one in made], foils, shown, vectors)
    places = _places(made, inputs, datasets, settings)
    heard = _heard(made, datasets, preferences.margin, settings)
    rows = [
        _row(inputs.examples, one, places[n], heard[n], _at(preferences, n, one.claim, foils[n]), settings)
        for n, one in enumerate(made)
    ]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the pixels say of a claim, where its thing was found, and what the dataset shows of such places."""

    sight: Sight
    region: Region | None = None
    agreed: float | None = None


def _places(
    made: Sequence[MadeClaim], inputs: RowInputs, datasets: Sequence[str | None], settings: ClaimSettings
) -> list[_Place]:
    pictures = [inputs.colours.get(one.images[0]) if len(one.images) == 1 else None for one in made]
    things = [sought(one.claim, picture) for one, picture in zip(made, pictures, strict=True)]
    regions = [
        inputs.regions.get(Phrase(one.images[0], thing)) if thing else None
        for one, thing in zip(made, things, strict=True)
    ]
    is_certain = [
        region is not None and region.fit >= settings.region_fit and region.margin >= settings.region_margin
        for region in regions
    ]
    certain = [region if sure else None for region, sure in zip(regions, is_certain, strict=True)]
    agreed = _pointing(made, datasets, certain, settings)
    found: list[_Place] = []
    for one, picture, region, place in zip(made, pictures, regions, certain, strict=True):
        is_heard, share = agreed.get(datasets[one.row], (False, None))
        found.append(_Place(look(one.claim, picture, place if is_heard else None), region, share))
    return found


def _pointing(
    made: Sequence[MadeClaim],
    datasets: Sequence[str | None],
    certain: Sequence[Region | None],
    settings: ClaimSettings,
) -> dict[str | None, tuple[bool, float]]:
    """By dataset whose certain places rule out anything: whether they are heard, and 1 less the ratio of how often they
    rule out the claimed colour and how often another."""
    counts: defaultdict[str | None, list[tuple[bool, float]]] = defaultdict(list)
    for one, region in zip(made, certain, strict=True):
        if region is not None:
            others = [rules_out(region, colour) for colour in other_colours(one.claim.said)]
            counts[datasets[one.row]].append((rules_out(region, one.claim.said), sum(others) / len(others)))
    found: dict[str | None, tuple[bool, float]] = {}
    for dataset, cases in counts.items():
        claimed, other = (sum(float(case[side]) for case in cases) for side in (0, 1))
        if other:
            share = 1 - claimed / other
            found[dataset] = (len(cases) >= settings.fewest_claims and share >= settings.region_agreement, share)
    return found


def _heard(
    made: Sequence[MadeClaim], datasets: Sequence[str | None], margins: np.ndarray, settings: ClaimSettings
) -> list[tuple[bool, float | None]]:
    """Whether the encoder is heard on each claim, and the share that it agrees with of those of the dataset and kind on
    which it takes a side."""
    groups: defaultdict[tuple[str | None, str], list[float]] = defaultdict(list)
    for one, margin in zip(made, margins.tolist(), strict=True):
        if margin == margin:
            groups[datasets[one.row], one.claim.kind].append(margin)
    found: dict[tuple[str | None, str], tuple[bool, float | None]] = {}
    for group, values in groups.items():
        beyond = [margin for margin in values if abs(margin) > settings.foil_margin]
        agreed = sum(margin > 0 for margin in beyond) / len(beyond) if beyond else None
        is_heard = len(values) >= settings.fewest_claims and len(beyond) >= settings.decided * len(values)
        found[group] = (is_heard and agreed is not None and agreed >= settings.agreement, agreed)
    return [found.get((datasets[one.row], one.claim.kind), (False, None)) for one in made]


@dataclass(frozen=True, slots=True)
class _Preference:
    """What the encoder says of one claim; None where it was not asked."""

    margin: float
    blind: float
    fit: float
    foil: str
    is_polar: bool
    """Whether its one foil is the opposite answer."""

    def against(self) -> float:
        """0..1: by the fit where there is but the opposite to compare with, for encoders carry a "no" badly."""
        return 1 / (1 + float(np.exp(min(50.0, self.fit if self.is_polar else self.margin / _SCORE_MARGIN))))


def _at(preferences: Preferences, n: int, claim: Claim, foils: Sequence[str]) -> _Preference | None:
    if not np.isfinite(preferences.margin[n]):
        return None
    figures = (float(values[n]) for values in (preferences.margin, preferences.blind, preferences.fit))
    return _Preference(*figures, foil=foils[int(preferences.foil[n])], is_polar=len(claim.foils) == 1)


def _row(
    examples: pa.Table,
    one: MadeClaim,
    place: _Place,
    heard: tuple[bool, float | None],
    preference: _Preference | None,
    settings: ClaimSettings,
) -> dict[str, Any]:
    claim, sight = one.claim, place.sight
    said = _side(claim, preference, settings, is_heard=heard[0])
    verdict = sight.verdict or said
    disagree = bool(sight.verdict and said and sight.verdict != said)
    why = _why(one, preference, heard, disagree=disagree) if disagree or not verdict else None
    row: dict[str, Any] = {
        "delivery": examples["delivery"][one.row].as_py(),
        "example_id": examples["example_id"][one.row].as_py(),
        "turn": one.turn,
        "claim": one.number,
        "abstained": why is not None,
        "why": why,
        "kind": claim.kind,
        "subject": claim.subject or None,
        "said": claim.said,
        "is_denied": claim.is_denied,
        "verdict": "abstained" if why else verdict,
        "witness": None if why else "pixels" if sight.verdict else "encoder",
        "score": _score(sight, preference),
        "agreed_share": heard[1],
        "region_agreed_share": place.agreed if place.region else None,
    }
    if sight.region:
        row |= {"region": sight.region, "box": list(sight.box or ()), "colours": sight.colours}
        row |= {"possible_share": sight.possible, "sure_share": sight.sure}
    if place.region:
        row |= {"region_fit": place.region.fit, "region_margin": place.region.margin}
    if preference:
        row |= {"margin": preference.margin, "blind_margin": preference.blind, "fit": preference.fit}
        row["foil"] = preference.foil
    return row


def _side(claim: Claim, preference: _Preference | None, settings: ClaimSettings, *, is_heard: bool) -> str:
    """What the encoder says, where it may say anything."""
    if preference is None:
        return ""
    if is_heard and abs(preference.margin) > settings.foil_margin:
        return SUPPORTED if preference.margin > 0 else CONTRADICTED
    return CONTRADICTED if claim.is_denied and -preference.fit >= settings.denied_fit else ""


def _score(sight: Sight, preference: _Preference | None) -> float | None:
    """The pixels' where they tell; else the mean of what both say."""
    if sight.against is not None and (sight.verdict or preference is None):
        return sight.against
    if preference is None:
        return None
    return preference.against() if sight.against is None else (sight.against + preference.against()) / 2


def _why(one: MadeClaim, preference: _Preference | None, heard: tuple[bool, float | None], *, disagree: bool) -> str:
    if disagree:
        return "the pixels and the encoder disagree"
    if len(one.images) != 1:
        return "several images"
    if preference is None:
        return "no foil to compare with, no vector for a text or the image, or too few others"
    if heard[0]:
        return "neither the pixels nor the encoder take a side"
    return "the encoder does not carry this kind of claim in this dataset, or too many of them are false"


AUDIT = Audit(
    name="claims",
    title="Claims that the pixels contradict",
    grain=Grain.CLAIM,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=ClaimSettings(),
    texts=wanted_texts,
    phrases=wanted_phrases,
    uses_vectors=True,
    uses_colours=True,
    faults=("wrong_image",),
    revision=4,
)
