"""An array beside a prediction of it, within a bound on every error, or bit for bit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from narrows.coding import bounds, integers, plain, runs, wholes
from narrows.coding.orders import check, ordered, restored
from narrows.coding.pieces import join, malformed, split

BOUNDED, STEPS, BYTES = 0, 1, 2  # the first byte: within a bound; exact, by steps; exact, by zstd
EVERY = 1 << 12  # bounds that may have a shrinkage each; beyond, one serves all
MANY = 1 / 64  # the share of values outside the bound from which on the exact code is tried, too


class Coded(NamedTuple):
    """The payload, and the values that :func:`decode` will make of it."""

    payload: bytes
    values: NDArray[Any]


def encode(
    x: NDArray[Any], prediction: NDArray[Any], eps: ArrayLike = 0.0, *, lossless: bool = False
) -> Coded:
    """Code ``x`` (n, …) given a ``prediction`` of the same shape and type: floats or whole numbers.

    No entry of the answer is further from x than ``eps``, a bound ≥ 0 or an array of them that broadcasts to
    x, compared exactly and in the type of x; NaN and ±Inf come back with their bits. ``lossless=True``, or
    a bound of 0, gives back every bit, the sign of 0 included. The decoder needs the same prediction, bit for bit,
    and the same bounds.

    Raises:
        ValueError: shapes or types differ, or a bound is below 0 or no number.

    >>> x = np.array([0.1, 2.7, np.nan, -np.inf], np.float32)
    >>> payload, y = encode(x, np.zeros(4, np.float32), 0.25)
    >>> bool((np.abs(y[:2] - x[:2]) <= 0.25).all()), y[2:].tolist()
    (True, [nan, -inf])
    >>> bool((decode(payload, np.zeros(4, np.float32), 0.25)[:2] == y[:2]).all())
    True
    """
    _same(x, prediction)
    x, prediction = np.ascontiguousarray(x), np.ascontiguousarray(prediction)
    allowed = _bounds(eps, x)
    exact = lossless or not x.size or not allowed.any() or (x.dtype.kind != "f" and allowed.max() < 1)
    if exact:
        return Coded(_exact(x, prediction), x.copy())
    if x.dtype.kind == "f":
        shrink = bounds.shrinkage(x, allowed if allowed.size <= EVERY else allowed.min(keepdims=True))
        k, y, missed = bounds.quantise(x, prediction, allowed, bounds.step(allowed, shrink))
        head = integers.encode(shrink)
    else:
        k, y, missed = wholes.quantise(x, prediction, wholes.step(allowed))
        head = b""
    places, values = _exceptions(x, missed)
    payload = bytes([BOUNDED]) + join([head, places, values, runs.encode(k)])
    np.copyto(y, x, where=missed)
    if np.count_nonzero(missed) > MANY * x.size and len(other := _exact(x, prediction)) < len(payload):
        return Coded(other, x.copy())
    return Coded(payload, y)


def decode(payload: bytes, prediction: NDArray[Any], eps: ArrayLike = 0.0) -> NDArray[Any]:
    """The values, in the shape and type of the prediction.

    Raises:
        ValueError: the payload is not such a code for this shape and type.
    """
    _same(prediction, prediction)
    prediction = np.ascontiguousarray(prediction)
    if not payload or payload[0] not in (BOUNDED, STEPS, BYTES):
        raise malformed("its kind of residual is not known")
    if payload[0] != BOUNDED:
        return _from_exact(payload, prediction)
    allowed = _bounds(eps, prediction)
    head, places, values, steps = split(payload[1:], 4)
    k = runs.decode(steps, prediction.shape)
    if prediction.dtype.kind == "f":
        shape = allowed.shape if allowed.size <= EVERY else (1,) * allowed.ndim
        shrink = integers.decode(head, int(np.prod(shape))).reshape(shape)
        if shrink.min(initial=0) < 0 or shrink.max(initial=0) > bounds.MOST:
            raise malformed("its step is out of range")
        y = bounds.answer(prediction, k, bounds.step(allowed, shrink))
    else:
        y = wholes.answer(prediction, k, wholes.step(allowed))
    _restore(y, places, values)
    return y


def _exact(x: NDArray[Any], prediction: NDArray[Any]) -> bytes:
    """Differences of the ordered bit patterns, modulo their width, as steps or as bytes, whichever is shorter."""
    difference = ordered(x) - ordered(prediction)
    steps = bytes([STEPS]) + runs.encode(difference.astype(np.int64))
    shuffled = bytes([BYTES]) + plain.encode(difference)
    return min(steps, shuffled, key=len)


def _from_exact(payload: bytes, prediction: NDArray[Any]) -> NDArray[Any]:
    start = ordered(prediction)
    if payload[0] == STEPS:
        difference = runs.decode(payload[1:], prediction.shape).astype(start.dtype)
    else:
        difference = plain.decode(payload[1:], start.dtype, prediction.shape)
    return restored(start + difference, prediction.dtype)


def _exceptions(x: NDArray[Any], missed: NDArray[np.bool_]) -> tuple[bytes, bytes]:
    """Where values stand that the steps miss, as gaps with their number before them, and their bits."""
    at = np.flatnonzero(missed)
    if not at.size:
        return b"", b""
    gaps = np.diff(at, prepend=-1) - 1
    return join([integers.encode(np.array([at.size])), integers.encode(gaps)]), plain.encode(x.ravel()[at])


def _restore(y: NDArray[Any], places: bytes, values: bytes) -> None:
    """Put the exceptions in their places."""
    if not places:
        if values:
            raise malformed("there are values without a place")
        return
    count, gaps = split(places, 2)
    n = int(integers.decode(count, 1)[0])
    if not 1 <= n <= y.size:
        raise malformed(f"{n} values are said to stand among {y.size}")
    found = integers.decode(gaps, n)
    if found.min() < 0 or found.max() >= y.size or (at := np.cumsum(found + 1) - 1)[-1] >= y.size:
        raise malformed("the place of a value is out of range")
    y.reshape(-1)[at] = plain.decode(values, y.dtype, (n,))


def _bounds(eps: ArrayLike, x: NDArray[Any]) -> NDArray[np.float64]:
    """The bounds with as many axes as x."""
    found = np.asarray(eps, np.float64)
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError("a bound below 0 or no number was given, expected eps ≥ 0: pass such a bound.")
    found = found.reshape((1,) * (x.ndim - found.ndim) + found.shape)
    if found.ndim > x.ndim or any(a not in (1, b) for a, b in zip(found.shape, x.shape, strict=True)):
        raise ValueError(
            f"bounds of shape {np.shape(eps)} were given for values of shape {x.shape}, expected bounds that broadcast"
            " to them: pass one, or one for each column."
        )
    return found


def _same(x: NDArray[Any], prediction: NDArray[Any]) -> None:
    check(x.dtype)
    if not x.ndim:
        raise ValueError("a single number was given, expected rows of numbers (n, …): pass an array.")
    if x.shape != prediction.shape or x.dtype != prediction.dtype:
        raise ValueError(
            f"values of shape {x.shape} and {x.dtype} came with a prediction of shape {prediction.shape} and"
            f" {prediction.dtype}: pass a prediction of the same shape and type."
        )
