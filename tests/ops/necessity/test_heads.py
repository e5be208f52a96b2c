import numpy as np

from ops.necessity.heads import Batch, HeadSettings, _forward, _slopes, fit_head, groups, log_softmax, principal


def batch_of(rng: np.random.Generator) -> Batch:
    count, width, many, code = 6, 5, 4, 3
    return Batch(
        x=rng.normal(size=(count, width)),
        codes=rng.normal(size=(many, code)),
        aligned=(rng.normal(size=(count, many)), rng.normal(size=(count, many))),
        offset=rng.normal(size=(count, many)),
        barred=rng.random((count, many)) < 0.2,
        y=np.zeros(count, dtype=np.int64),
    )


def test_gradient_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    batch = batch_of(rng)
    if batch.barred is not None:
        batch.barred[:, 0] = False
    sizes = {"w": (5, 7), "b": (7,), "v": (7, 3), "c": (3,), "g": (2, 5), "h": (2,)}
    weights = {name: rng.normal(size=size) for name, size in sizes.items()}

    def loss() -> float:
        return float(-log_softmax(_forward(weights, batch)[0])[np.arange(6), batch.y].mean())

    slopes = _slopes(weights, batch)
    for name, values in weights.items():
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + 1e-6
            above = loss()
            values[place] = kept - 1e-6
            below = loss()
            values[place] = kept
            np.testing.assert_allclose(slopes[name][place], (above - below) / 2e-6, atol=1e-5)


def test_learns_what_no_linear_head_could() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)

    def batch(rows: np.ndarray) -> Batch:
        return Batch(x[rows], np.eye(2, dtype=np.float32), (), None, None, y[rows])

    settings = HeadSettings()
    head = fit_head(batch, np.arange(1500), settings, seed=3)
    guessed = head.log_probabilities(batch(np.arange(1500, 2000))).argmax(axis=1)
    assert np.mean(guessed == y[1500:]) > 0.95
    again = fit_head(batch, np.arange(1500), settings, seed=3)
    assert all(np.array_equal(head.weights[name], again.weights[name]) for name in head.weights)


def test_a_head_that_may_not_learn_leaves_the_offset() -> None:
    rng = np.random.default_rng(2)
    batch = batch_of(rng)
    head = fit_head(lambda _: batch, np.arange(6), HeadSettings(rate=0.0), seed=0)
    assert batch.offset is not None
    expected = np.where(batch.barred, -1e9, batch.offset)
    np.testing.assert_allclose(head.logits(batch), expected)


def test_principal_parts_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(50, 8)) * np.arange(1, 9)
    order = rng.permutation(50)
    parts = principal(rows, 3)
    assert parts.shape == (50, 3)
    np.testing.assert_allclose(principal(rows[order], 3), parts[order], atol=1e-5)
    assert np.isclose(np.mean(parts**2), 1, atol=1e-3)
    assert principal(np.zeros((4, 2)), 5).shape == (4, 2)


def test_groups_link_whatever_shares_a_picture() -> None:
    assert groups([["b"], ["b", "c"], ["d"], ["c", "a"], []]) == ["a", "a", "d", "a", ""]
