import numpy as np
import pytest

from ops.grounding.shift_scan import find_runs, partners, shift_scores

DIM = 32


def scores_of(rows: int, *, run: tuple[int, int] | None = None, shift: int = 0, clear: float = 0.8, seed: int = 0):
    """Scores of texts that carry their picture's vector, `clear` times the noise, with the pictures of a run moved so
    that the right one lies `shift` rows on."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(rows, DIM)) / np.sqrt(DIM)
    texts = clear * images + rng.normal(size=(rows, DIM)) / np.sqrt(DIM)
    if run:
        images[slice(*run)] = np.roll(images[slice(*run)], shift, axis=0)
    return shift_scores(np.arange(rows), texts, images, usable=np.ones(rows, dtype=bool), reach=8)


def runs_of(scores: np.ndarray, **settings):
    return find_runs(scores, **({"fewest": 10, "rounds": 49, "level": 0.01, "most": 4, "seed": 1} | settings))


def test_partners_are_found_by_row_number() -> None:
    assert partners(np.array([0, 1, 3, 4]), 1).tolist() == [1, -1, 3, -1]
    assert partners(np.array([0, 1, 3, 4]), -3).tolist() == [-1, -1, 0, 1]


def test_rows_that_are_missing_have_no_score() -> None:
    rows = np.array([0, 2, 3])
    scores = shift_scores(rows, np.eye(3), np.eye(3), usable=np.array([True, True, False]), reach=1)
    np.testing.assert_array_equal(scores, [[np.nan, 1, np.nan], [np.nan, 1, np.nan], [np.nan] * 3])


@pytest.mark.parametrize("shift", [-8, -2, 1, 5])
def test_finds_a_run_of_a_third_and_its_ends(shift: int) -> None:
    runs, p_value = runs_of(scores_of(200, run=(60, 120), shift=shift))
    assert [run.shift for run in runs] == [shift]
    # Pictures that went round at the run's end fit at no constant distance.
    start, stop = (60, 120 - shift) if shift > 0 else (60 - shift, 120)
    assert abs(runs[0].start - start) <= 3
    assert abs(runs[0].stop - stop) <= 3
    assert p_value < 1e-4


def test_finds_a_file_that_is_shifted_from_end_to_end() -> None:
    runs, _ = runs_of(scores_of(200, run=(0, 200), shift=1))
    assert [run.shift for run in runs] == [1]
    assert runs[0].start <= 3
    assert runs[0].stop >= 196


def test_finds_two_runs() -> None:
    scores = scores_of(400, run=(50, 120), shift=2)
    scores[200:] = scores_of(200, run=(50, 120), shift=-3, seed=1)
    runs, _ = runs_of(scores)
    assert sorted(run.shift for run in runs) == [-3, 2]


@pytest.mark.full
@pytest.mark.parametrize("clear", [0.0, 0.1, 0.8])
def test_says_nothing_of_files_without_a_shift(clear: float) -> None:
    p_values = [runs_of(scores_of(60, clear=clear, seed=seed), rounds=39)[1] for seed in range(40)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.15
    assert min(p_values) > 1e-4


def test_neighbours_that_look_alike_are_no_shift() -> None:
    rng = np.random.default_rng(0)
    images = np.cumsum(rng.normal(size=(200, DIM)), axis=0) * 0.3
    texts = images + rng.normal(size=(200, DIM))
    scores = shift_scores(np.arange(200), texts, images, usable=np.ones(200, dtype=bool), reach=8)
    assert runs_of(scores)[1] > 0.01


def test_a_p_value_is_above_nothing_however_strong_the_run() -> None:
    images = np.eye(4000, 64, dtype=np.float32)
    images[np.arange(4000), np.arange(4000) % 64] = 1
    scores = shift_scores(np.arange(4000), images, np.roll(images, 1, axis=0), usable=np.ones(4000, bool), reach=8)
    runs, p_value = runs_of(scores)
    assert [run.shift for run in runs] == [1]
    assert 0 < p_value < 1e-300


def test_nothing_to_scan() -> None:
    assert runs_of(np.full((30, 17), np.nan, dtype=np.float32)) == ([], 1.0)
