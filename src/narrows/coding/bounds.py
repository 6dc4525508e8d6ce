"""Steps from a prediction to what it predicts, such that no error is above a bound: floats.

The step is 2ε′ with ε′ = ε·(1 − m/4096): the rest of ε is for the rounding of the answer to its own type.
Whether |x − y| ≤ ε holds is decided exactly, for the y that the decoder will give.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 1 << 12  # of a bound, in which its shrinkage is counted
MOST = PARTS // 2  # the largest m
BLOCK = 1 << 15  # numbers that are worked on at once: they fit in a processor's cache
FAR = {
    2: 31,
    4: 31,
    8: 52,
}  # bits of the largest step, by the width of the type; beyond, the value itself is shorter
Floats = NDArray[np.float64]


def shrinkage(x: NDArray[Any], eps: Floats) -> NDArray[np.int64]:
    """m for each of the bounds: what rounding the largest value can cost, but at most half of the bound.

    ``eps`` has as many axes as x, each of x's length or 1.
    """
    axes = tuple(axis for axis in range(x.ndim) if eps.shape[axis] == 1)
    largest = np.maximum(x.max(axes, keepdims=True), -x.min(axes, keepdims=True))
    if not np.isfinite(largest).all():
        largest = np.abs(x).max(axes, keepdims=True, where=np.isfinite(x), initial=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # The arithmetic is in float64: only there do its own errors count.
        cost = np.spacing(largest).astype(np.float64) * (1.0 if x.dtype.itemsize == 8 else 0.5)
        parts = np.ceil(PARTS * (cost / eps))
    return np.clip(np.nan_to_num(parts, nan=MOST, posinf=MOST), 0, MOST).astype(np.int64)


def step(eps: Floats, shrink: NDArray[np.int64]) -> Floats:
    """2ε′ for each of the bounds, at most the largest float64."""
    with np.errstate(over="ignore"):
        return np.minimum(2.0 * (eps * ((PARTS - shrink) / PARTS)), np.finfo(np.float64).max)


def answer(prediction: NDArray[Any], steps: NDArray[np.integer], step: Floats) -> NDArray[Any]:
    """y, in the type of the prediction: what encoder and decoder compute, in float64, rounded once at each
    operation, so that it is the same everywhere.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return (steps * step + _finite(prediction)).astype(prediction.dtype)


def quantise(
    x: NDArray[Any], prediction: NDArray[Any], eps: Floats, step: Floats
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]:
    """The steps k to x (n, …), what they lead to, and where that is further from x than ``eps``: there k is 0."""
    steps, y, missed = np.empty(x.shape, np.int64), np.empty_like(x), np.empty(x.shape, np.bool_)
    rows = max(1, BLOCK // max(1, x[:1].size))
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        some = part if len(eps) > 1 else slice(None), part if len(step) > 1 else slice(None)
        found = _quantised(x[part], prediction[part], eps[some[0]], step[some[1]])
        steps[part], y[part], missed[part] = found
    return steps, y, missed


def _quantised(
    x: NDArray[Any], prediction: NDArray[Any], eps: Floats, step: Floats
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        exact = x.astype(np.float64)
        k = exact - _finite(prediction)
        np.divide(k, step, out=k)
        np.rint(k, out=k)
        near = np.abs(k) < 1 << FAR[x.dtype.itemsize]  # not where it is no number
    if not near.all():
        k[~near] = 0
    steps = k.astype(np.int64)
    y = answer(prediction, steps, step)
    missed = ~_within(exact, y, eps, x)
    steps[missed] = 0
    return steps, y, missed


def _within(exact: Floats, y: NDArray[Any], eps: Floats, x: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether |x − y| ≤ eps. A difference that rounds to less than eps is less; one that rounds to eps may be
    above it, which the rounding error tells (Knuth's TwoSum, which is exact).  For eps = 0 the bits must be equal.
    """
    given = y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = exact - given
        inside = np.abs(difference) < eps
        edge = np.flatnonzero(np.abs(difference) == eps) if not inside.all() else np.zeros(0, np.int64)
    if edge.size:
        a, b, s = exact.ravel()[edge], -given.ravel()[edge], difference.ravel()[edge]
        part = s - a
        error = (a - (s - part)) + (b - part)
        same = (s != 0) | (np.signbit(x.ravel()[edge]) == np.signbit(y.ravel()[edge]))
        inside.reshape(-1)[edge] = (np.sign(s) * error <= 0) & same
    return inside


def _finite(prediction: NDArray[Any]) -> Floats:
    """A prediction that is no finite number counts as 0."""
    found = prediction.astype(np.float64)
    bad = ~np.isfinite(found)
    if bad.any():
        found[bad] = 0.0
    return found
