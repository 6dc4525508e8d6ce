"""What training symbols say about the symbols to come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narrows.coding import ans

LARGEST = 1 << 13  # symbols of one table; whatever lies beyond is rare, and escapes
MARGIN = 64  # symbols that a table reaches beyond what was seen, at most
TAIL = 200  # one symbol in so many may lie outside at each end, where a table would be too large
FINE = 1 << 36  # whole parts that the weights of a table are counted in
EDGE = (-(1 << 63), (1 << 63) - 1)


def learned(symbols: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """The first symbol and the integer frequencies, escape last, of a table for symbols (n,).

    >>> low, table = learned(np.array([3, 3, 4]))
    >>> low, len(table), int(table.argmax()), int(table.sum()) == 2**24
    (2, 5, 1, True)
    """
    n = len(symbols)
    if not n:
        return 0, ans.frequencies(np.ones(2, np.int64))
    low, high = _window(np.sort(symbols))
    inside = symbols[(symbols >= low) & (symbols <= high)]
    counts = np.bincount(inside - low, minlength=high - low + 1).astype(np.float64)
    # Absolute discounting: each symbol that was seen gives up as much of a count as the numbers of symbols
    # seen once and twice tell (Ney, Essen & Kneser 1994, "On structuring probabilistic dependences").
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = (once + 1) / (once + 2 * twice + 2)
    different = int((counts > 0).sum())
    weights = np.maximum(counts - discount, 0) + discount * different * _spread(counts) / max(1, len(inside))
    outside = n - len(inside) + 1 / (1 + different)
    return low, ans.frequencies(np.rint(np.append(weights, outside) * (FINE / n)).astype(np.int64))


def _window(ordered: NDArray[np.int64]) -> tuple[int, int]:
    """The first and the last symbol of the table."""
    low, high = int(ordered[0]), int(ordered[-1])
    if high - low + 1 + 2 * MARGIN > LARGEST:
        tail = len(ordered) // TAIL
        low, high = int(ordered[tail]), int(ordered[-1 - tail])
    if high - low + 1 + 2 * MARGIN > LARGEST:
        middle = int(ordered[len(ordered) // 2])
        low, high = max(low, middle - LARGEST // 2 + MARGIN), min(high, middle + LARGEST // 2 - MARGIN)
    margin = min(MARGIN, 1 + (high - low) // 2)
    # The first symbol after the table must be a number of 64 bits, too.
    low, high = max(low - margin, EDGE[0]), min(high + margin, EDGE[1] - 1)
    return min(low, high), high


def _spread(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts with the same sum, spread in equal shares over the nearest neighbours, a quarter of a standard
    deviation and a whole one.
    """
    places = np.arange(len(counts))
    total = max(counts.sum(), 1e-9)
    middle = counts @ places / total
    deviation = int(np.sqrt(counts @ (places - middle) ** 2 / total))
    near = [_box(_box(counts, radius), radius) for radius in (1, 1 + deviation // 4, 1 + deviation)]
    return np.mean(near, axis=0)


def _box(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """The mean of each entry and ``radius`` ones on each side; what would fall off an end stays there."""
    padded = np.pad(values, radius, mode="symmetric") if radius <= len(values) else np.pad(values, radius)
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    return (sums[2 * radius + 1 :] - sums[: -2 * radius - 1]) / (2 * radius + 1)
