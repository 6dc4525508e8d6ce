"""Arrays of steps: differences of neighbours where they are shorter, and blocks of zeros at a bit or less."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from narrows.coding import integers
from narrows.coding.pieces import join, malformed, split

BLOCK = 32  # numbers behind one flag
WORTHWHILE = 1 / 16  # the share of blocks that must be zero for flags to be written
LOOK = 1 << 15  # numbers by which the way to take differences is chosen
AXES = 8  # more are not looked at


def encode(steps: NDArray[np.int64]) -> bytes:
    """An int64 array of any shape, (n, …).

    >>> rows = np.arange(6000).reshape(60, 100)
    >>> len(encode(rows)) < 200
    True
    >>> bool((decode(encode(rows), rows.shape) == rows).all())
    True
    """
    mask, _ = _axes(steps)
    for axis in _named(mask):
        steps = np.diff(steps, axis=axis, prepend=np.int64(0))
    return bytes([mask]) + _blocks(steps.ravel())


def estimate(steps: NDArray[np.int64]) -> float:
    """About how many bytes :func:`encode` makes of them, by those in the middle."""
    return _axes(steps)[1] / 8


def decode(data: bytes, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The array of this shape."""
    if not data or max(_named(data[0]), default=-1) >= len(shape):
        raise malformed("it takes differences along an axis that is not there")
    steps = _unblocked(data[1:], int(np.prod(shape, dtype=np.int64))).reshape(shape)
    for axis in _named(data[0]):
        np.cumsum(steps, axis=axis, out=steps)
    return steps


def _blocks(steps: NDArray[np.int64]) -> bytes:
    whole = len(steps) // BLOCK * BLOCK
    blocks, rest = steps[:whole].reshape(-1, BLOCK), steps[whole:]
    some = blocks.any(axis=1)
    if some.size and np.count_nonzero(some) <= (1 - WORTHWHILE) * some.size:
        left = np.concatenate([blocks[some].ravel(), rest])
        return join([integers.encode(some.astype(np.int64)), integers.encode(left)])
    return join([b"", integers.encode(steps)])


def _unblocked(data: bytes, n: int) -> NDArray[np.int64]:
    flags, left = split(data, 2)
    if not flags:
        return integers.decode(left, n)
    some = integers.decode(flags, n // BLOCK)
    if some.size and (some.min() < 0 or some.max() > 1):
        raise malformed("a flag of a block is neither 0 nor 1")
    count = int(some.sum()) * BLOCK
    found = integers.decode(left, count + n % BLOCK)
    steps = np.zeros(n, np.int64)
    steps[: n - n % BLOCK].reshape(-1, BLOCK)[some == 1] = found[:count].reshape(-1, BLOCK)
    steps[n - n % BLOCK :] = found[count:]
    return steps


def _axes(steps: NDArray[np.int64]) -> tuple[int, float]:
    """The axes, as bits, along which differences are taken: none, one or two of the first and the last two; and the
    bits that all steps take, if they are like those looked at."""
    if not steps.size:
        return 0, 0.0
    last = max(1, steps[0].size)
    rows = max(4, LOOK // last)
    start = max(0, (len(steps) - rows) // 2)
    part = steps[start : start + rows]
    axes = [axis for axis in sorted({0, *range(max(0, steps.ndim - 2), steps.ndim)}) if axis < AXES]
    masks = [0, *(1 << axis for axis in axes), *(1 << a | 1 << b for a, b in combinations(axes, 2))]
    costs = {}
    for mask in masks:
        tried = part
        for axis in _named(mask):
            tried = np.diff(tried, axis=axis, prepend=np.int64(0))
        costs[mask] = integers.estimate(tried) * (1.0 if mask == 0 else 1.005)
    best = min(costs, key=costs.__getitem__)
    return best, costs[best] * (steps.size / part.size)


def _named(mask: int) -> list[int]:
    return [axis for axis in range(AXES) if mask >> axis & 1]
