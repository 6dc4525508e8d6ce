"""The way into the network's units and back."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from narrows.inputs.scaling import SCALES, Statistics
from narrows.inputs.scaling import learn_affine as learned

SKLEARN = {"standard": StandardScaler(), "minmax": MinMaxScaler(), "robust": RobustScaler()}


def learn_affine(rows, how, *, unit, shared):
    return learned(how, Statistics(shared).add(rows), lambda: rows, unit=unit)


def table(n=30, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.logspace(-3, 3, d) + np.linspace(-50, 50, d)


def scaled(rows, how, unit=False, shared=False, dtype=torch.float64):
    return learn_affine(rows, how, unit=unit, shared=shared).forward(rows, dtype).numpy()


@pytest.mark.parametrize("how", SKLEARN)
def test_tables_are_scaled_as_scikit_learn_does(how):
    assert np.allclose(scaled(table(), how), SKLEARN[how].fit_transform(table()))


@given(how=st.sampled_from(SCALES), seed=st.integers(0, 99), unit=st.booleans(), shared=st.booleans())
def test_the_way_back_is_the_inverse(how, seed, unit, shared):
    rows = table(seed=seed).reshape(30, 1, 2, 2) if shared else table(seed=seed)
    affine = learn_affine(rows, how, unit=unit, shared=shared)
    assert np.allclose(affine.inverse(affine.forward(rows, torch.float64)), rows, rtol=1e-9, atol=1e-9)


@given(how=st.sampled_from(SCALES), seed=st.integers(0, 99))
def test_the_jacobian_is_the_volume_of_the_map(how, seed):
    """ln |det ∂x/∂scaled|, by mapping the corners of a unit cube."""
    affine = learn_affine(table(seed=seed), how, unit=False, shared=False)
    origin, corners = torch.zeros(1, 4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    edges = affine.inverse(corners) - affine.inverse(origin)
    assert affine.log_jacobian((4,)) == pytest.approx(np.linalg.slogdet(edges)[1], abs=1e-9)


def test_pictures_share_one_scale():
    rows = np.random.default_rng(0).uniform(0, 200, size=(10, 3, 4, 5)) * np.array([1, 2, 3]).reshape(3, 1, 1)
    minmax, robust = (learn_affine(rows, how, unit=False, shared=True) for how in ("minmax", "robust"))
    assert minmax.scale.size == robust.scale.size == 1
    standard = scaled(rows, "standard", shared=True)
    assert np.allclose(standard.mean((0, 2, 3)), 0) and np.allclose(standard.std((0, 2, 3)), 1), (
        "one per channel"
    )
    assert minmax.log_jacobian((3, 4, 5)) == pytest.approx(60 * np.log(rows.max() - rows.min()))


@pytest.mark.parametrize("how", ["standard", "minmax", "robust", "auto"])
def test_constant_columns_are_only_shifted(how):
    rows = np.column_stack([np.full(10, 7.0), np.arange(10.0) * 100])
    out = scaled(rows, how)
    assert np.isfinite(out).all() and (out[:, 0] == 0).all()


def test_large_offsets_keep_their_digits():
    rows = 1e9 + np.arange(10.0)[:, None]
    assert np.allclose(
        scaled(rows, "standard", dtype=torch.float32), StandardScaler().fit_transform(rows), atol=1e-6
    )


AUTO = {
    "already in the unit interval": (np.random.default_rng(0).uniform(size=(50, 6)), False, (0, 1), True),
    "bytes as flat pixels": (np.random.default_rng(0).integers(0, 256, (50, 6)), False, (0, 1), False),
    "anything": (table(), False, None, False),
    "anything under a unit likelihood": (table(), True, (0, 1), False),
    "columns of unlike range within 0…255": (
        np.random.default_rng(0).uniform(size=(50, 6)) * [1, 1, 1, 1, 1, 200],
        False,
        (0, 1),
        False,
    ),
}


@pytest.mark.parametrize("case", AUTO)
def test_auto_suits_the_data(case):
    rows, unit, within, untouched = AUTO[case]
    affine = learn_affine(rows, "auto", unit=unit, shared=False)
    out = affine.forward(rows, torch.float64).numpy()
    assert affine.identity == untouched
    if within:
        assert out.min() >= 0 and out.max() <= 1
    else:
        assert np.allclose(out, StandardScaler().fit_transform(rows))


def test_rows_are_not_written_to():
    rows = table()
    rows.flags.writeable = False
    before = rows.copy()
    learn_affine(rows, "standard", unit=False, shared=False).forward(rows, torch.float32).add_(1)
    learn_affine(rows, None, unit=False, shared=False).forward(rows, torch.float64).add_(1)
    assert np.array_equal(rows, before)


def test_unknown_scales_are_refused(refused):
    with refused("'foo'", "'minmax'"):
        learn_affine(table(), "foo", unit=False, shared=False)


@pytest.mark.parametrize("shape", [(20_001, 3), (9000, 2, 4, 5)])
def test_statistics_do_not_depend_on_how_rows_were_cut(shape):
    rows = np.random.default_rng(0).normal(3, 2, size=shape).astype(np.float32)
    shared = len(shape) > 2
    whole = Statistics(shared).add(rows)
    again = Statistics(shared, again=lambda: [rows]).add(rows)
    cut = Statistics(shared)
    for start in range(0, len(rows), 777):
        cut.add(rows[start : start + 777])
    for other in (again, cut):
        for name in ("low", "high", "mean", "deviation"):
            assert np.array_equal(getattr(whole, name), getattr(other, name)), name
    axes = (0, 2, 3) if shared else 0
    np.testing.assert_allclose(whole.mean, rows.mean(axes, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(whole.deviation, rows.std(axes, dtype=np.float64), rtol=1e-6)


def test_statistics_leave_gaps_out():
    rows = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
    seen = Statistics(False, missing=True).add(rows)
    assert seen.low[0] == 1 and seen.high[0] == 3 and seen.mean[0] == 2 and np.isnan(seen.low[1])
    seen.add(np.array([[np.nan, 5.0]] * 2 * seen.CHUNK))
    assert seen.mean.tolist() == [2, 5] and seen.deviation.tolist() == [1, 1]


def test_a_constant_far_from_zero_is_a_constant():
    rows = np.full((30_000, 1), 1e9) + 0.1
    assert Statistics(False).add(rows).deviation.tolist() == [1.0]


@pytest.mark.parametrize("shared", [False, True, "channel"])
def test_statistics_do_not_depend_on_how_rows_lie_in_memory(shared):
    rows = np.random.default_rng(0).normal(1e3, 3, size=(9000, 4) if not shared else (900, 4, 30))
    plain, turned = (Statistics(shared).add(x) for x in (rows, np.asfortranarray(rows)))
    assert not turned.mean.shape or np.array_equal(plain.mean, turned.mean)
    assert np.array_equal(plain.deviation, turned.deviation)


def test_statistics_of_wide_rows_hold_few_of_them():
    rows = np.zeros((64, 40_000), np.float32)
    seen = Statistics(shared=False)
    tracemalloc.start()
    try:
        for _ in range(20):
            seen.add(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # all 1,280 rows are 205 MB, and twice that in float64
    assert seen.mean.shape == (40_000,)


def test_what_nobody_asks_for_is_not_summed():
    seen = Statistics(shared=False, spread=False).add(np.ones((10, 3)))
    assert not seen._left and seen.low.tolist() == [1, 1, 1]
