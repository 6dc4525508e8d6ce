"""The bound holds for every number there is, and a lossless answer has every bit."""

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from narrows.coding import residuals
from narrows.coding.pieces import MalformedError

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")]
WHOLES = [np.dtype(name) for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]
RELATIVE = [10.0**-e for e in range(1, 13)]


def bits(array):
    return array.view(f"u{array.dtype.itemsize}")


def special(dtype):
    """What is easily lost: ends, zeros of both signs, subnormals, NaNs with a payload."""
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        return np.array([info.min, info.min + 1, 0, 1, info.max - 1, info.max], dtype)
    info = np.finfo(dtype)
    numbers = [
        0.0,
        -0.0,
        info.tiny,
        -info.tiny,
        info.smallest_subnormal,
        info.max,
        -info.max,
        1,
        1 + info.eps,
    ]
    plain = np.array([*numbers, np.inf, -np.inf, np.nan], dtype)
    payload = bits(np.array([np.nan, -np.nan], dtype)) | 5
    return np.concatenate([plain, payload.view(dtype)])


def numbers(dtype):
    edges = st.sampled_from(list(special(dtype)))
    return edges | hnp.from_dtype(dtype) | st.integers(0, 100).map(dtype.type)


def check(x, prediction, eps):
    """Encoder and decoder agree in every bit, and no entry misses its bound, in exact arithmetic."""
    payload, y = residuals.encode(x, prediction, eps)
    again = residuals.decode(payload, prediction, eps)
    assert y.dtype == again.dtype == x.dtype and y.shape == again.shape == x.shape
    assert (bits(y) == bits(again)).all()
    for a, b, e in zip(x.ravel(), y.ravel(), np.broadcast_to(eps, x.shape).ravel(), strict=True):
        if x.dtype.kind == "f" and not np.isfinite(a):
            assert a.tobytes() == b.tobytes()
        else:
            whole = x.dtype.kind != "f"
            given_, found = (Fraction(int(v) if whole else float(v)) for v in (a, b))
            assert abs(given_ - found) <= Fraction(float(e)), (a, b, e)
    payload, y = residuals.encode(x, prediction, eps, lossless=True)
    assert (bits(residuals.decode(payload, prediction, eps)) == bits(x)).all()
    assert (bits(y) == bits(x)).all()


@pytest.mark.parametrize("dtype", FLOATS + WHOLES, ids=str)
@given(data=st.data())
@settings(max_examples=60)
def test_no_entry_misses_its_bound(dtype, data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
    x = data.draw(hnp.arrays(dtype, shape, elements=numbers(dtype)))
    near = data.draw(st.booleans())
    prediction = x.copy() if near else data.draw(hnp.arrays(dtype, shape, elements=numbers(dtype)))
    finite = (
        np.abs(x[np.isfinite(x)].astype(np.float64)) if dtype.kind == "f" else np.abs(x.astype(np.float64))
    )
    largest = max(finite.max(initial=0), 1e-300)
    scale = data.draw(st.sampled_from(RELATIVE))
    eps = data.draw(st.sampled_from([scale * largest, scale, 0.0, 0.5, 1.0, 5e-324, 1.7e308, 2.0**62]))
    if data.draw(st.booleans()) and len(shape):
        eps = eps * (np.arange(shape[-1])[::-1] / max(1, shape[-1]))  # one of them is 0
    check(x, prediction, eps)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("relative", RELATIVE)
def test_noise_of_any_size_within_relative_bounds(dtype, relative):
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(40, 6)) * 10.0 ** np.arange(-3, 3)
    for spread in (0, 1e-6, 0.1, 100):
        x = clean.astype(dtype)
        prediction = (clean * (1 + spread * rng.normal(size=clean.shape))).astype(dtype)
        eps = relative * np.ptp(x.astype(np.float64), axis=0)
        check(x, prediction, eps)
        check(x, prediction, relative * np.abs(x.astype(np.float64)))  # one for each entry, 0 among them


@pytest.mark.parametrize("dtype", FLOATS + WHOLES, ids=str)
def test_special_values_among_usual_ones(dtype):
    edges = special(dtype)
    x = np.tile(np.concatenate([edges, np.arange(20).astype(dtype)]), 3).reshape(3, -1)
    for prediction in (x.copy(), np.zeros_like(x), x[:, ::-1].copy(), np.roll(x, 1)):
        for eps in (0.25, 3.0, 1e-9, 1e30):
            check(x, prediction, eps)


def test_values_exactly_on_the_edge_of_the_bound():
    """0.1 + 0.2 is no binary number: only exact arithmetic tells on which side of 0.3 an error lies."""
    x = np.array([0.3, 0.1 + 0.2, np.nextafter(0.3, 1), 0.30000000000000004, -0.3], np.float64)
    check(x, np.zeros(5), 0.3)
    check(x + 1e16, np.full(5, 1e16), 0.3)
    check(np.array([2**53 + 1, 2**63 - 1, -(2**63)]), np.array([2**53, -(2**63), 2**63 - 1]), 1.0)
    check(np.array([2**64 - 1, 0, 2**53 + 1], np.uint64), np.array([0, 2**64 - 1, 2**53], np.uint64), 2.0**40)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i8"])
def test_the_length_is_what_the_error_is_worth(dtype):
    """Noise of deviation σ in steps of 2ε is worth log₂(σ√(2πe)/2ε) bits."""
    rng = np.random.default_rng(0)
    prediction = (1000 * rng.normal(size=(200, 300))).astype(dtype)
    noise, eps = (20.0, 1.0) if dtype[0] == "i" else (0.3, 0.01)
    x = (prediction + noise * rng.normal(size=prediction.shape)).astype(dtype)
    payload, y = residuals.encode(x, prediction, eps)
    step = 2 * eps + (dtype[0] == "i")
    worth = x.size * np.log2(noise * np.sqrt(2 * np.pi * np.e) / step) / 8
    assert len(payload) <= 1.01 * worth + 200
    assert np.abs(x.astype(float) - y).max() <= eps


def test_a_perfect_prediction_costs_nothing_and_a_hopeless_one_no_more_than_the_bytes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 100)).astype(np.float32)
    assert len(residuals.encode(x, x, 1e-3).payload) < 40
    assert len(residuals.encode(x, x, lossless=True).payload) < 40
    for noise in (rng.integers(0, 2**32, x.shape, np.uint32).view(np.float32), np.full_like(x, np.nan)):
        for eps in (1e-3, 0.0):
            assert len(residuals.encode(noise, x, eps).payload) <= x.nbytes * 1.001 + 100


@pytest.mark.parametrize("eps", [-1.0, np.nan, np.inf, np.ones(3)])
def test_bounds_that_are_none_are_refused(eps, refused):
    with refused():
        residuals.encode(np.zeros((4, 2)), np.zeros((4, 2)), eps)


def test_arrays_that_do_not_go_together_are_refused(refused):
    for x, prediction in (
        (np.zeros(3), np.zeros(4)), (np.zeros(3), np.zeros(3, np.float32)), (np.zeros(()), np.zeros(())),
        (np.zeros(3, bool), np.zeros(3, bool)), (np.zeros(3, complex), np.zeros(3, complex)),
        (np.zeros(3, np.dtype("f8").newbyteorder()), np.zeros(3)),
    ):  # fmt: skip
        with refused():
            residuals.encode(x, prediction, 0.1)


@given(data=st.data(), dtype=st.sampled_from([np.dtype("f4"), np.dtype("i8")]), lossless=st.booleans())
@settings(max_examples=150)
def test_a_payload_that_was_tampered_with_is_values_or_a_value_error(data, dtype, lossless):
    rng = np.random.default_rng(0)
    x = np.where(rng.random((6, 8)) < 0.1, special(dtype)[-1], rng.normal(0, 9, (6, 8)).astype(dtype)).astype(
        dtype
    )
    payload = bytearray(residuals.encode(x, np.zeros_like(x), 1.0, lossless=lossless).payload)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)) | st.just(len(payload)))
    with suppress(MalformedError):
        assert residuals.decode(bytes(payload[:cut]), np.zeros_like(x), 1.0).shape == x.shape
