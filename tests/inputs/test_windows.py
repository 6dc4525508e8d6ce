"""Windows of long series: every sample covered, and averaged back exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.contracts import Rows
from narrows.inputs.windows import Windows, cut, overlap_average, starts


@st.composite
def cuttings(draw):
    """(length, window, step), windows that fit and leave nothing out."""
    window = draw(st.integers(1, 12))
    return draw(st.integers(window, 60)), window, draw(st.integers(1, window))


@given(cuttings())
def test_every_sample_is_in_some_window(what):
    length, window, step = what
    at = starts(length, window, step)
    assert at[0] == 0 and at[-1] == length - window
    assert (np.diff(at) > 0).all() and (np.diff(at) <= step).all()
    assert (np.diff(at)[:-1] == step).all()


@given(cuttings(), st.integers(1, 3), st.sampled_from([np.float32, np.float64, np.int16]), st.integers(0, 9))
def test_windows_of_a_series_average_to_the_series(what, channels, dtype, seed):
    length, window, step = what
    x = (1000 * np.random.default_rng(seed).normal(size=(length, channels))).astype(dtype)
    at = starts(length, window, step)
    windows = cut(x, at, window)
    assert windows.shape == (len(at), channels, window) and windows.dtype == dtype
    assert all(np.array_equal(w.T, x[a : a + window]) for w, a in zip(windows, at, strict=True))
    np.testing.assert_allclose(overlap_average(windows, at, length), x, rtol=1e-12, atol=1e-9)


@given(cuttings(), st.integers(0, 9))
def test_the_average_is_that_of_the_windows_that_hold_a_sample(what, seed):
    length, window, step = what
    at = starts(length, window, step)
    said = np.random.default_rng(seed).normal(size=(len(at), 2, window))
    got = overlap_average(said, at, length)
    for t in range(length):
        mine = [w[:, t - a] for w, a in zip(said, at, strict=True) if a <= t < a + window]
        np.testing.assert_allclose(got[t], np.mean(mine, 0), atol=1e-12)


@pytest.mark.parametrize("inner", [(), (2,), (2, 3)])
def test_any_axes_may_stand_between(inner):
    windows = np.random.default_rng(0).normal(size=(5, *inner, 4))
    assert overlap_average(windows, np.arange(5), 8).shape == (8, *inner)


def test_samples_in_no_window_have_no_average():
    assert np.isnan(overlap_average(np.ones((1, 2)), np.array([1]), 4)).tolist() == [True, False, False, True]


def several(window=5, step=2, lengths=(9, 5, 30)):
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(n, 2)).astype(np.float32) for n in lengths]
    return series, Windows(series, window, step)


def test_windows_are_rows():
    series, rows = several()
    check: Rows = rows
    assert check.shape == (len(check), 2, 5) and check.dtype == np.float32 and check.block >= 1
    for (owner, at), window in zip(rows.index, rows[:], strict=True):
        assert np.array_equal(window.T, series[owner][at : at + 5])


def test_any_rows_can_be_asked_for():
    _, rows = several()
    whole = np.asarray(rows)
    assert np.array_equal(rows[2:7], whole[2:7])
    assert rows[4:4].shape == (0, 2, 5)
    which = np.array([7, 0, 3, 3, len(rows) - 1])
    assert np.array_equal(rows[which], whole[which])
    assert np.asarray(rows, dtype=np.float64).dtype == np.float64


def test_several_series_average_to_themselves():
    series, rows = several()
    for x, back in zip(series, rows.average(rows[:]), strict=True):
        np.testing.assert_allclose(back, x, atol=1e-6)


def test_reading_some_windows_leaves_the_series_alone():
    x = np.zeros((10, 1))
    rows = Windows([x], 4, 1)
    rows[:3][:] = 7
    assert not x.any()


@given(
    st.lists(st.integers(6, 80), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 6),
    st.floats(0, 0.5),
)
def test_no_sample_is_trained_on_and_held_out(lengths, window, step, fraction):
    rows = Windows([np.zeros((n, 1)) for n in lengths], window, min(step, window))
    try:
        train, valid = rows.split(fraction)
    except ValueError:
        return
    assert len(valid) == int(len(rows) * fraction)

    def samples(which):
        return {(s, a + j) for s, a in rows.index[which].tolist() for j in range(window)}

    assert not samples(train) & samples(valid)
    left = np.setdiff1d(np.arange(len(rows)), np.concatenate([train, valid]))
    assert all(samples([i]) & samples(valid) for i in left), "no window is left out without need"


def test_held_out_windows_lie_in_few_blocks():
    rows = Windows([np.zeros((40_000, 1))], 40, 10)
    train, valid = rows.split(0.1)
    assert (np.diff(valid) > 1).sum() == 9 and valid[-1] == len(rows) - 1
    assert len(train) + len(valid) > 0.98 * len(rows)
    assert rows.split(0.0)[0].tolist() == list(range(len(rows)))


def test_whole_series_may_be_held_out():
    rows = Windows([np.zeros((20, 1))] * 50, 20, 5)
    train, valid = rows.split(0.2)
    assert len(valid) == 10 and len(train) == 40


def test_windows_that_all_overlap_cannot_be_split(refused):
    with refused("3 windows", "validation_fraction=0"):
        Windows([np.zeros((12, 1))], 10, 1).split(0.4)
