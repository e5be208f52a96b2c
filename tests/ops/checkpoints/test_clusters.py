"""Which kinds of pictures a checkpoint lost."""

from collections.abc import Sequence

import numpy as np
import pytest

from ops.checkpoints.clusters import FEWEST, ClusterShift, cluster_shifts
from ops.checkpoints.findings import WARN, cluster_findings

KINDS = ("kitchens", "streets", "beaches")
CHANCE = np.random.default_rng(5)
MIDDLES = np.eye(24)[:3] * 6
PLACES = np.repeat(np.arange(3), 20)
BEFORE = MIDDLES[PLACES] + CHANCE.normal(size=(60, 24))
EDITED = BEFORE + 0.2 * CHANCE.normal(size=BEFORE.shape)
PICTURES = [f"{at:02d}" for at in range(60)]
TEXTS = [f"{KINDS[place]} {at}" for at, place in enumerate(PLACES.tolist())]
HITS = np.ones(60, dtype=bool)


def shifts(after: np.ndarray, hits: np.ndarray | None = HITS, texts: Sequence[str] = TEXTS) -> dict[str, ClusterShift]:
    both = None if hits is None else (HITS, hits)
    made = cluster_shifts(PICTURES, texts, (BEFORE, EDITED, after), both, seed=0)
    assert len({shift.name for shift in made}) == len(made)
    return {shift.name.split()[0]: shift for shift in made}


def shuffled(kind: int) -> np.ndarray:
    """The pictures of a kind lie otherwise to each other, and where they were."""
    after = EDITED.copy()
    after[kind == PLACES] = MIDDLES[kind] + CHANCE.normal(size=(20, 24))
    return after


@pytest.mark.parametrize("kind", range(3))
def test_the_kind_whose_pictures_lie_otherwise_is_named_first(kind: int) -> None:
    made = shifts(shuffled(kind))
    assert next(iter(made)) == KINDS[kind]
    assert [name for name, shift in made.items() if shift.apart] == [KINDS[kind]]
    lost = made[KINDS[kind]].neighbours
    assert lost.lost == pytest.approx(lost.before - lost.after)
    assert lost.lost_interval[0] < lost.lost < lost.lost_interval[1]
    assert 1 < made[KINDS[kind]].raise_by <= 3
    assert sum(len(shift.pictures) for shift in made.values()) == 60
    assert set(made[KINDS[kind]].pictures) == {PICTURES[at] for at in np.flatnonzero(kind == PLACES)}


def test_a_kind_whose_texts_are_not_found_any_more_is_named() -> None:
    made = shifts(EDITED, hits=PLACES != 1)
    assert [name for name, shift in made.items() if shift.apart] == ["streets"]
    assert made["streets"].raise_by == 3
    (finding,) = cluster_findings(list(made.values()))
    assert (finding.verdict, finding.where.split()[0], finding.value) == (WARN, "streets", 1)
    assert "lost 100% (100% to 100%) of texts found, the others 0%" in finding.detail


def test_what_an_edit_takes_from_all_names_none() -> None:
    moved = BEFORE + 0.2 * np.random.default_rng(9).normal(size=BEFORE.shape)
    made = shifts(moved, hits=None)
    assert len(made) == 3
    assert not any(shift.apart or shift.retrieval for shift in made.values())
    assert {shift.raise_by for shift in made.values()} == {1}
    assert cluster_findings(list(made.values())) == []


def test_what_is_lost_everywhere_is_no_cluster_s() -> None:
    made = shifts(np.random.default_rng(9).normal(size=BEFORE.shape), hits=~HITS)
    assert min(shift.neighbours.lost for shift in made.values()) > 0.3
    assert not any(shift.apart for shift in made.values())


def test_a_kind_that_had_more_to_lose_is_not_named_where_all_lose_all() -> None:
    few = np.where(PLACES == 0, True, np.arange(60) % 3 == 0)
    made = cluster_shifts(PICTURES, TEXTS, (BEFORE, EDITED, EDITED), (few, ~HITS), seed=0)
    lost = {shift.name.split()[0]: shift.retrieval for shift in made}
    assert lost["kitchens"] is not None
    assert lost["kitchens"].lost - lost["kitchens"].rest > 0.5
    assert not any(shift.apart for shift in made)


def test_few_pictures_say_nothing_and_equal_texts_are_numbered() -> None:
    few = slice(0, FEWEST)
    assert cluster_shifts(PICTURES[few], TEXTS[few], (BEFORE[few], EDITED[few], BEFORE[few]), None, seed=0) == []
    made = cluster_shifts(PICTURES, ["a shape"] * 60, (BEFORE, EDITED, EDITED), None, seed=0)
    assert sorted(shift.name for shift in made)[:2] == ["a shape", "a shape (2)"]
    broken = np.full_like(BEFORE, np.nan)
    assert not any(shift.apart for shift in cluster_shifts(PICTURES, TEXTS, (BEFORE, EDITED, broken), None, seed=0))
