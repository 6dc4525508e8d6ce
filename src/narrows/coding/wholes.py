"""The same for whole numbers, in whole numbers: steps of 2⌊ε⌋ + 1, so that none is ever further than ⌊ε⌋."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrows.coding.orders import ordered, restored

FAR = 1 << 62  # differences and steps beyond are not coded: the value itself is shorter


def step(eps: NDArray[np.float64]) -> NDArray[np.int64]:
    """2⌊ε⌋ + 1."""
    return 2 * np.floor(np.minimum(eps, FAR // 4)).astype(np.int64) + 1


def answer(prediction: NDArray[Any], steps: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[Any]:
    """prediction + steps · step, at the ends of the type where that lies beyond."""
    start = ordered(prediction).astype(np.int64)
    with np.errstate(over="ignore"):
        added = steps * step
        found = start + added
    beyond = ((start ^ found) & (added ^ found)) < 0  # of 64 bits
    limits = np.iinfo(f"i{prediction.dtype.itemsize}")
    found = np.where(beyond, np.where(added > 0, limits.max, limits.min), found)
    return restored(np.clip(found, limits.min, limits.max).astype(limits.dtype), prediction.dtype)


def quantise(
    x: NDArray[Any], prediction: NDArray[Any], step: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]:
    """The steps to x, what they lead to, and where they are too far to be coded: there they are 0."""
    end, start = ordered(x).astype(np.int64), ordered(prediction).astype(np.int64)
    with np.errstate(over="ignore"):
        difference = end - start
    missed = ((end ^ start) & (end ^ difference)) < 0
    missed |= (difference >= FAR) | (difference <= -FAR)
    difference[missed] = 0
    half = step >> 1
    steps = (difference + half) // step  # to the nearest
    return steps, answer(prediction, steps, step), missed
