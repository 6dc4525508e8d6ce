"""Rows without any prediction: the bound holds for every number there is, and what is exact has every bit."""

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from narrows.coding import columns, plain
from narrows.coding.pieces import MalformedError

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")]
WHOLES = [np.dtype(name) for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]


def bits(array):
    return array.view(f"u{array.dtype.itemsize}")


def numbers(dtype):
    """Ends, zeros of both signs, subnormals, NaNs with a payload, infinities, and whole numbers among them."""
    info = np.iinfo(dtype) if dtype.kind != "f" else np.finfo(dtype)
    edges = [info.min, info.max, dtype.type(0), dtype.type(1)]
    if dtype.kind == "f":
        odd = (bits(np.array([np.nan, -np.nan], dtype)) | 5).view(dtype)
        edges += [
            -dtype.type(0),
            info.smallest_subnormal,
            info.tiny,
            dtype.type(np.inf),
            dtype.type(-np.inf),
            *odd,
        ]
    return (
        st.sampled_from(np.array(edges, dtype).tolist()).map(dtype.type)
        | hnp.from_dtype(dtype)
        | st.integers(0, 100).map(dtype.type)
    )


def check(x, eps):
    """Encoder and decoder agree in every bit, and no entry misses its bound, in exact arithmetic."""
    payload, y = columns.encode(x, eps)
    again = columns.decode(payload, x.dtype, x.shape, eps)
    assert y.dtype == again.dtype == x.dtype and y.shape == again.shape == x.shape
    assert (bits(y) == bits(again)).all()
    for a, b, e in zip(x.ravel(), y.ravel(), np.broadcast_to(eps, x.shape).ravel(), strict=True):
        if e == 0 or (x.dtype.kind == "f" and not np.isfinite(a)):
            assert a.tobytes() == b.tobytes()
        else:
            there, found = (Fraction(int(v) if x.dtype.kind != "f" else float(v)) for v in (a, b))
            assert abs(there - found) <= Fraction(float(e)), (a, b, e)
    payload, y = columns.encode(x, eps, lossless=True)
    assert (bits(columns.decode(payload, x.dtype, x.shape)) == bits(x)).all() and (bits(y) == bits(x)).all()


@pytest.mark.parametrize("dtype", FLOATS + WHOLES, ids=str)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_entry_misses_its_bound(dtype, data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
    x = data.draw(hnp.arrays(dtype, shape, elements=numbers(dtype)))
    finite = np.abs(x[np.isfinite(x)].astype(np.float64))
    largest = max(finite.max(initial=0), 1e-300)
    share = st.sampled_from([10.0**-e for e in range(13)] + [0.0])
    eps = st.builds(lambda part: np.float64(part * largest), share) | st.sampled_from([0.0, 0.5, 1.0, 2.5])
    if data.draw(st.booleans()) and x.size:
        check(x, data.draw(hnp.arrays(np.float64, shape[1:], elements=eps)))
    else:
        check(x, data.draw(eps))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("share", [1e-1, 1e-3, 1e-6])
def test_many_rows_within_bounds_of_their_columns(dtype, share):
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [rng.normal(size=400), rng.integers(0, 5, 400), np.arange(400), rng.normal(size=400)]
    ).astype(dtype)
    x[::7, 0], x[::11, 1], x[3, 3] = np.nan, np.nan, -np.inf
    check(x, np.array([share, 0, 0, 100 * share]))


def test_constants_and_the_least_come_back_exactly():
    x = np.array([[3.3, -1.7], [3.3, 5.0], [3.3, 2.0]])
    y = columns.encode(x, np.array([0.1, 0.2])).values
    assert (y[:, 0] == 3.3).all() and y[0, 1] == -1.7


def test_it_takes_little_more_than_what_rounding_leaves():
    """Whole numbers of the smallest type by zstd; of columns that come back exactly, the same."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 50, (5000, 6)).cumsum(0) % 200
    exact = columns.encode(x.astype(np.float64)).payload
    assert len(exact) <= len(plain.encode(x.astype(np.uint8))) + 60
    rounded = columns.encode(x.astype(np.float32), 2.0).payload
    assert len(rounded) < 0.9 * len(exact)
    mixed = x.astype(np.float64)
    mixed[:, 0] = rng.normal(size=5000)
    alone = columns.encode(mixed[:, 1:]).payload
    whole = columns.encode(mixed, np.array([0.05, 0, 0, 0, 0, 0])).payload
    assert len(whole) < len(alone) + 5000  # seven bits of each number and less


def test_noise_is_coded_by_its_frequencies():
    x = np.random.default_rng(0).normal(size=(3000, 40)).astype(np.float32)
    nats = 0.5 * np.log(2 * np.pi * np.e) - np.log(0.02)  # of a normal number in steps of 0.02
    assert len(columns.encode(x, 0.01).payload) < 1.02 * x.size * nats / np.log(2) / 8


@pytest.mark.parametrize("dtype", FLOATS[1:], ids=str)
@pytest.mark.parametrize("levels", [256, 1000])
def test_levels_cost_what_their_numbers_do(dtype, levels):
    """As floats, bit for bit or in steps far finer than theirs, no more than as whole numbers, and a table."""
    rng = np.random.default_rng(0)
    k = np.minimum(rng.exponential(levels / 8, (2000, 30)).astype(np.int64), levels - 1)
    x, table = (k / levels).astype(dtype) * dtype.type(3.7), 4 * levels
    least = len(columns.encode(k.astype(np.uint16)).payload)
    for eps in (0.0, 1e-6):
        check(x, eps)
        assert len(columns.encode(x, eps).payload) < 1.01 * least + table
    x[7, 3] = np.nan
    check(x, 1e-6)


@pytest.mark.parametrize("many", [False, True])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_is_read_is_refused_or_of_the_right_shape(many, data):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=70), rng.integers(0, 5, 70)]).astype(np.float32)
    x = np.tile(x / 3, (60, 1)) if many else x  # few numbers, of which there is a table
    eps = np.array([0.01, 0.0])
    if many:
        eps[0] = 1e-5
        assert columns.FEW in columns.encode(x, eps).payload
    payload = bytearray(columns.encode(x, eps).payload)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    for bad in (bytes(payload), bytes(payload[:cut])):
        with suppress(MalformedError):
            found = columns.decode(bad, x.dtype, x.shape, eps)
            assert found.shape == x.shape and found.dtype == x.dtype


def test_bounds_that_cannot_be_are_refused(refused):
    x = np.zeros((3, 2), np.float32)
    for eps in (-1.0, np.nan, np.ones(3), np.ones((3, 2))):
        with refused("pass"):
            columns.encode(x, eps)
