"""Removed from whom: of a sample of the corpus, which groups of examples a candidate loses more of than of the rest of
their source."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ops.canaries.groups import Group
from ops.canaries.outcome import last_flights
from ops.core.log import Row
from ops.core.measure_schemas import CANARY_GROUPS
from ops.core.schemas import IMAGES
from ops.gates.group_recall import group_recalls
from ops.gates.removal_odds import ALPHA, Odds, Strata, corrected, removal_odds
from ops.text.text_groups import text_groups
from resources.gates.diversity import answer_of, question_of
from resources.gates.overrides import DATASET, FAMILIES, PICTURES, RESOLUTION, Override, overrides
from resources.gates.picture_groups import PictureGroups
from resources.gates.sample import Sample
from resources.lake.tables import Lake

REMOVAL = pa.schema(
    [
        ("family", pa.string()),
        ("group", pa.string()),
        ("examples", pa.int64()),
        ("removed", pa.int64()),
        ("odds_ratio", pa.float64()),  # of being removed, against the rest of the same source
        ("odds_low", pa.float64()),  # 95 % interval
        ("odds_high", pa.float64()),
        ("random_low", pa.float64()),  # middle 95 % of random removals of the same size
        ("random_high", pa.float64()),
        ("p_value", pa.float64()),  # corrected for the number of groups
        ("canaries", pa.string()),  # what is found of its canaries; empty where these are too few
        ("override", pa.string()),  # who lets it pass, why and until when; empty where nobody does
        ("beyond", pa.float64()),  # odds_low where more is lost than by chance and nobody lets it pass; else null
    ]
)
_LEAST = 20
"""Examples of a group, and of the rest, below which nothing is told of it."""
_SIDES = ((224, "below 224 px"), (512, "224 to 511 px"), (1024, "512 to 1023 px"))
_LARGE = "1024 px and more"


def removal_facts(lake: Lake, sample: Sample, pictures: PictureGroups) -> pa.Table:
    """A row a group of at least _LEAST sampled examples (REMOVAL), those first that lose most for certain."""
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, groups in enumerate(_groups(lake, sample.rows, pictures)):
        for group in groups:
            members[group].append(place)
    source = np.unique([f"{row['delivery']} {row['dataset']}" for row in sample.rows], return_inverse=True)[1]
    removed = ~sample.member
    rows: list[Row] = []
    for (family, group), places in sorted(members.items()):
        inside = np.zeros(len(removed), dtype=bool)
        inside[places] = True
        if min(inside.sum(), (~inside).sum()) < _LEAST:
            continue
        # A dataset is a source itself.
        odds = removal_odds(_strata(inside, removed, np.zeros_like(source) if family == DATASET else source), seed=0)
        if odds is not None:
            counts = {"examples": int(inside.sum()), "removed": int((inside & removed).sum())}
            rows.append({"family": family, "group": group, **counts, **_figures(odds)})
    say = _canaries(lake, sorted({row["delivery"] for row in sample.rows}), pictures)
    rows = [row | {"canaries": say.get((row["family"], row["group"]), "")} for row in rows]
    return pa.Table.from_pylist(_judged(rows, overrides(lake)), schema=REMOVAL)


def _canaries(lake: Lake, deliveries: Sequence[str], pictures: PictureGroups) -> dict[tuple[str, str], str]:
    """What is found of canaries by group, of the deliveries' last flights. Those by picture are counted for its
    group."""
    rows = last_flights(lake.read(CANARY_GROUPS, where={"delivery": list(deliveries)}).to_pylist())
    names = pictures.of_images(lake, sorted({row["group"] for row in rows if row["family"] == PICTURES}))
    rows = [row | {"group": names.get(row["group"], "")} if row["family"] == PICTURES else row for row in rows]
    rows = [row for row in rows if row["group"] or row["family"] != PICTURES]
    return {(recall.family, recall.group): recall.words for recall in group_recalls(rows, whole=DATASET)}


def _judged(rows: Sequence[Row], standing: Mapping[tuple[str, str], Override]) -> list[Row]:
    """The rows with corrected p-values, and what is let pass."""
    judged: list[Row] = []
    for row, p_value in zip(rows, corrected([row["p_value"] for row in rows]), strict=True):
        override = standing.get((row["family"], row["group"]))
        passes = override is not None or p_value >= ALPHA or row["odds_ratio"] < 1 or row["family"] not in FAMILIES
        words = "" if override is None else override.words
        judged.append(row | {"p_value": p_value, "override": words, "beyond": None if passes else row["odds_low"]})
    return sorted(judged, key=lambda row: (-(row["beyond"] or 0.0), row["p_value"], row["family"], row["group"]))


def _figures(odds: Odds) -> Row:
    return {
        "odds_ratio": odds.ratio,
        "odds_low": odds.low,
        "odds_high": odds.high,
        "random_low": odds.random_low,
        "random_high": odds.random_high,
        "p_value": odds.p_value,
    }


def _strata(inside: np.ndarray, removed: np.ndarray, source: np.ndarray) -> Strata:
    counts = (np.bincount(source, weights=mask) for mask in (inside, inside & removed, np.ones_like(inside), removed))
    return Strata(*(column.astype(np.int64) for column in counts))


def _groups(lake: Lake, rows: Sequence[Row], pictures: PictureGroups) -> Iterator[list[Group]]:
    """The groups of each example."""
    sides = resolutions(lake, rows)
    for row, name, resolution in zip(rows, pictures.of_examples, sides, strict=True):
        yield [*row_groups(row), *resolution, *([(PICTURES, name)] if name else [])]


def resolutions(lake: Lake, rows: Sequence[Row]) -> list[list[Group]]:
    """The group of each example by the shortest side of its images; none where no image is known."""
    sides = _sides(lake, rows)
    lengths = [[sides[image] for image in row["image_ids"] or () if image in sides] for row in rows]
    return [[(RESOLUTION, _size(min(own)))] if own else [] for own in lengths]


def _size(side: int) -> str:
    return next((name for most, name in _SIDES if side < most), _LARGE)


def row_groups(row: Row) -> list[Group]:
    """The groups that an example's dataset and texts tell."""
    texts = text_groups(question_of(row["messages"]), answer_of(row["messages"]))
    return [(DATASET, row["dataset"] or ""), *texts]


def _sides(lake: Lake, rows: Sequence[Row]) -> dict[str, int]:
    """The shorter side of each image, in pixels."""
    ids = sorted({image for row in rows for image in row["image_ids"] or ()})
    columns = ["image_id", "width_px", "height_px"]
    stored: list[Row] = lake.read(IMAGES, where={"image_id": ids}, columns=columns).to_pylist() if ids else []
    return {row["image_id"]: min(row["width_px"] or 0, row["height_px"] or 0) for row in stored}
