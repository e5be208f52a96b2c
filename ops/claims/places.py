"""Where in its picture a claim's thing is, what the pixels say there, and whether a dataset's places can be trusted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ops.claims.foils import MadeClaim
from ops.claims.texts import other_colours
from ops.claims.witnesses import Sight, look, rules_out, sought
from ops.vision.colours import ColourTable, PictureColours
from ops.vision.regions import Phrase, Region, RegionTable


@dataclass(frozen=True, slots=True)
class PlaceCuts:
    """From where places count: `fit` and `margin` in standard deviations; of a dataset's places, at least
    `fewest_claims` and an `agreement` (1 less the ratio of how often they rule out claimed colours and others)."""

    fit: float
    margin: float
    fewest_claims: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Place:
    """What the pixels say of a claim, where its thing may be, and what the dataset shows of such places."""

    sight: Sight
    region: Region | None = None
    agreed_share: float | None = None


@dataclass(frozen=True, slots=True)
class Pointed:
    """A claim's picture, and the region where its thing may be, which is `certain` or not."""

    picture: PictureColours | None
    region: Region | None
    is_certain: bool


@dataclass(frozen=True, slots=True)
class RuledOut:
    """Of the certain places of some claims: how many there are, how many rule out the claimed colour, and the mean
    share of the other colours that they rule out, summed."""

    places: int = 0
    claimed: int = 0
    others: Fraction = Fraction(0)

    def __add__(self, other: "RuledOut") -> "RuledOut":
        return RuledOut(self.places + other.places, self.claimed + other.claimed, self.others + other.others)


def pointed_at(
    made: Sequence[MadeClaim], *, colours: ColourTable, regions: RegionTable, cuts: PlaceCuts
) -> list[Pointed]:
    """Where the thing of each claim may be."""
    pointed: list[Pointed] = []
    for claim in made:
        picture = colours.get(claim.images[0]) if len(claim.images) == 1 else None
        thing = sought(claim.claim, picture)
        region = regions.get(Phrase(claim.images[0], thing)) if thing else None
        is_certain = region is not None and region.fit >= cuts.fit and region.margin >= cuts.margin
        pointed.append(Pointed(picture, region, is_certain))
    return pointed


def ruled_out(
    made: Sequence[MadeClaim], datasets: Sequence[str | None], pointed: Sequence[Pointed]
) -> dict[str | None, RuledOut]:
    """What the certain places of the claims rule out, by dataset; `datasets` are those of the batch's examples."""
    by_dataset: defaultdict[str | None, RuledOut] = defaultdict(RuledOut)
    for claim, place in zip(made, pointed, strict=True):
        if place.region is not None and place.is_certain:
            own, colours = claim.claim.value, other_colours(claim.claim.value)
            others = sum(rules_out(place.region, colour) for colour in colours)
            by_dataset[datasets[claim.row]] += RuledOut(
                1, int(rules_out(place.region, own)), Fraction(others, len(colours))
            )
    return dict(by_dataset)


def places_of(
    made: Sequence[MadeClaim],
    datasets: Sequence[str | None],
    pointed: Sequence[Pointed],
    known: Mapping[str | None, RuledOut],
    cuts: PlaceCuts,
) -> list[Place]:
    """The place of each claim, by what the certain places of each dataset of the delivery rule out."""
    agreed = {dataset: _agreed_share(found) for dataset, found in known.items()}
    places: list[Place] = []
    for claim, place in zip(made, pointed, strict=True):
        dataset = datasets[claim.row]
        share = agreed.get(dataset)
        is_heard = share is not None and known[dataset].places >= cuts.fewest_claims and share >= cuts.agreement
        sight = look(claim.claim, place.picture, place.region if place.is_certain and is_heard else None)
        places.append(Place(sight, place.region, share))
    return places


def _agreed_share(places: RuledOut) -> float | None:
    """1 less the ratio of how often the claimed colour is ruled out and how often another; None where nothing is."""
    return float(1 - places.claimed / places.others) if places.others else None
