"""Where in its picture a claim's thing is, what the pixels say there, and whether a dataset's places can be trusted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.claims.foils import MadeClaim
from ops.claims.texts import other_colours
from ops.claims.witnesses import Sight, look, rules_out, sought
from ops.vision.colours import ColourTable
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
class _Trust:
    is_heard: bool
    agreed_share: float | None


def places_of(
    made: Sequence[MadeClaim],
    datasets: Sequence[str | None],
    *,
    colours: ColourTable,
    regions: RegionTable,
    cuts: PlaceCuts,
) -> list[Place]:
    """The place of each claim; `datasets` are those of the batch's examples."""
    pictures = [colours.get(claim.images[0]) if len(claim.images) == 1 else None for claim in made]
    things = [sought(claim.claim, picture) for claim, picture in zip(made, pictures, strict=True)]
    likeliest = [
        regions.get(Phrase(claim.images[0], thing)) if thing else None
        for claim, thing in zip(made, things, strict=True)
    ]
    certain = [region if region and _is_certain(region, cuts) else None for region in likeliest]
    trust = _trust(made, datasets, certain, cuts)
    places: list[Place] = []
    for claim, picture, region, sure in zip(made, pictures, likeliest, certain, strict=True):
        pointing = trust.get(datasets[claim.row], _Trust(False, None))
        sight = look(claim.claim, picture, sure if pointing.is_heard else None)
        places.append(Place(sight, region, pointing.agreed_share))
    return places


def _is_certain(region: Region, cuts: PlaceCuts) -> bool:
    return region.fit >= cuts.fit and region.margin >= cuts.margin


def _trust(
    made: Sequence[MadeClaim],
    datasets: Sequence[str | None],
    certain: Sequence[Region | None],
    cuts: PlaceCuts,
) -> Mapping[str | None, _Trust]:
    """By dataset whose certain places rule out anything: whether they are heard, and 1 less the ratio of how often they
    rule out the claimed colour and how often another."""
    ruled_out: defaultdict[str | None, list[tuple[bool, float]]] = defaultdict(list)
    for claim, region in zip(made, certain, strict=True):
        if region is not None:
            others = [rules_out(region, colour) for colour in other_colours(claim.claim.value)]
            own = rules_out(region, claim.claim.value)
            ruled_out[datasets[claim.row]].append((own, sum(others) / len(others)))
    trust: dict[str | None, _Trust] = {}
    for dataset, cases in ruled_out.items():
        claimed, other = (sum(float(case[side]) for case in cases) for side in (0, 1))
        if other:
            share = 1 - claimed / other
            is_heard = len(cases) >= cuts.fewest_claims and share >= cuts.agreement
            trust[dataset] = _Trust(is_heard, share)
    return trust
