"""Which findings accuse a checkpoint, and which do not."""

import numpy as np
import pytest

from ops.checkpoints.findings import PASS, REJECT, WARN, findings_of, verdict_of
from ops.checkpoints.retrieval import first_hits
from ops.checkpoints.shifts import group_shifts, layer_shifts, skill_shift

CHANCE = np.random.default_rng(0)
IMAGES = CHANCE.normal(size=(60, 24))
EDITED = IMAGES + 0.1 * CHANCE.normal(size=IMAGES.shape)
NOISE = CHANCE.normal(size=IMAGES.shape)


def judged(last: np.ndarray, first: np.ndarray = IMAGES) -> tuple[str, set[str]]:
    before, edited = {"block": IMAGES, "embedding": IMAGES}, {"block": EDITED, "embedding": EDITED}
    findings = findings_of(layer_shifts(before, edited, {"block": first, "embedding": last}, seed=1), [])
    return verdict_of(findings), {finding.name for finding in findings if finding.verdict != PASS}


def test_what_moved_as_little_as_an_edit_passes() -> None:
    assert judged(IMAGES) == (PASS, set())
    assert judged(EDITED) == (PASS, set())


@pytest.mark.parametrize(
    ("last", "names"),
    [
        (NOISE, {"drift"}),
        (IMAGES[:, :1] @ np.ones((1, 24)), {"drift", "collapse"}),
        (np.zeros_like(IMAGES), {"drift", "collapse", "dead_units"}),
        (np.full_like(IMAGES, np.nan), {"drift", "collapse", "dead_units", "not_finite"}),
    ],
    ids=["noise", "one direction", "nothing", "no numbers"],
)
def test_a_last_layer_that_lost_its_images_is_rejected(last: np.ndarray, names: set[str]) -> None:
    assert judged(last) == (REJECT, names)


def test_where_an_edit_keeps_little_no_checkpoint_is_accused_of_it() -> None:
    """A layer to which a mirrored picture is nearly another one: as little is kept by what it was trained to."""
    chance = np.random.default_rng(3)
    edited, after = (IMAGES + 1.5 * chance.normal(size=IMAGES.shape) for _ in range(2))
    (layer,) = layer_shifts({"embedding": IMAGES}, {"embedding": edited}, {"embedding": after}, seed=1)
    assert layer.kept_null < 0.8
    assert verdict_of(findings_of([layer], [])) != REJECT
    (still,) = layer_shifts({"embedding": IMAGES}, {"embedding": EDITED}, {"embedding": EDITED}, seed=1)
    assert still.kept_null > 0.95
    assert still.rank_null > 0.9


def test_a_lost_block_before_a_last_layer_that_stands_warns() -> None:
    assert judged(IMAGES, first=NOISE) == (WARN, {"drift"})


@pytest.mark.parametrize(("right", "verdict"), [(40, PASS), (34, WARN), (10, REJECT)])
def test_lost_texts_are_held_against_what_was_found_before(right: int, verdict: str) -> None:
    before, after = np.arange(60) < 40, np.arange(60) < right
    shift = skill_shift("retrieval", before, after, seed=1)
    assert shift.change_interval[0] <= shift.after - shift.before <= shift.change_interval[1]
    assert verdict_of(findings_of([], [shift])) == verdict


def test_few_probes_accuse_nothing() -> None:
    shift = skill_shift("retrieval", np.array([True, False, True]), np.array([True, False, False]), seed=1)
    assert verdict_of(findings_of([], [shift])) == PASS


def test_the_nearest_text_counts_whatever_its_place() -> None:
    vectors = np.eye(3)
    assert first_hits(vectors, vectors[[2, 0, 1]], ["a", "b", "c"], ["c", "a", "b"]).all()
    assert first_hits(vectors, vectors, ["a", "a", "c"], ["a", "b", "c"]).tolist() == [True, False, True]


def test_the_group_that_moved_is_told_from_the_rest() -> None:
    after = EDITED.copy()
    after[:20] = NOISE[:20]
    groups = ["moved"] * 20 + ["still"] * 40
    shifts = {shift.group: shift for shift in group_shifts(groups, IMAGES, EDITED, after, seed=1)}
    assert shifts["moved"].apart
    assert not shifts["still"].apart
    assert group_shifts(["all"] * 60, IMAGES, EDITED, after, seed=1) == []
