"""One array of whole numbers, coded with a table of its own, which is sent along.

The table is short: of each token's count it holds the logarithm in steps of a quarter of an octave,
which costs about 0.002 bits a number, and the differences of neighbouring entries are coded themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from narrows.coding import ans
from narrows.coding.pieces import malformed, number, signed, take_number, unsigned
from narrows.coding.tokens import Tokens

SCALES = (Tokens(8, 5), Tokens(5, 3), Tokens(3, 1), Tokens(0, 0))  # from fine to coarse
STEPS = 4  # levels to the octave
QUARTERS = (1024, 1218, 1448, 1722)  # 1024 · 2^(i/4)
LEVELS = 1 + STEPS * 31  # 0 for a token that does not occur; counts below 2³¹
WEIGHTS = np.array([0, *(QUARTERS[i % STEPS] << i // STEPS for i in range(LEVELS - 1))], np.int64)
# Of differences −(LEVELS−1) … LEVELS−1 of neighbouring levels, which are mostly small.
JUMPS = ans.frequencies((1 << 20) // (1 + np.abs(np.arange(1 - LEVELS, LEVELS))) ** 2)
MOST = (1 << 31) - 1  # numbers in one array


def encode(values: NDArray[np.int64]) -> bytes:
    """The numbers of an int64 array, of any shape, in C order; an empty one is no bytes.

    >>> len(encode(np.arange(1000) % 4))  # 250 bytes are two bits each
    259
    >>> decode(encode(np.array([5, -(2**63), 2**63 - 1])), 3).tolist()
    [5, -9223372036854775808, 9223372036854775807]
    """
    values = np.ascontiguousarray(values, np.int64).ravel()
    if not values.size:
        return b""
    if values.size > MOST:
        raise ValueError(f"an array of {values.size} numbers was given, expected at most {MOST}: pass less.")
    tokens, width, raw = SCALES[0].split(values)
    low, counts = _counts(tokens)
    chosen, *_ = min(enumerate(cost(low, counts)), key=lambda pair: pair[1])
    if chosen:
        tokens, width, raw = SCALES[chosen].split(values)
        low, counts = _counts(tokens)
    coder = ans.coder()
    ans.push_bits(coder, raw, width)
    if len(counts) > 1:
        levels = _levels(counts)
        ans.push(coder, tokens - np.int32(low), ans.model(ans.frequencies(WEIGHTS[levels])))
        ans.push(coder, np.diff(levels, prepend=0) + (LEVELS - 1), ans.model(JUMPS))
    return bytes([chosen]) + number(signed(low)) + number(len(counts)) + ans.stored(coder)


def decode(data: bytes, n: int) -> NDArray[np.int64]:
    """The ``n`` numbers that :func:`encode` was given, as int64 (n,).

    Raises:
        ValueError: the bytes are not such a code.
    """
    if n == 0:
        if data:
            raise malformed("there are bytes where no number was expected")
        return np.zeros(0, np.int64)
    if not data or data[0] >= len(SCALES):
        raise malformed("its scale of tokens is not known")
    scale = SCALES[data[0]]
    low, at = take_number(data, 1)
    size, at = take_number(data, at)
    low, most = unsigned(low), scale.most()
    if not (size >= 1 and low >= -most and low + size <= most):
        raise malformed(f"a table from {low} with {size} entries is not possible")
    coder = ans.coder(data[at:])
    if size == 1:
        tokens = np.full(n, low, np.int32)
    else:
        levels = np.cumsum(ans.pop(coder, ans.model(JUMPS), size) - (LEVELS - 1))
        if levels.min() < 0 or levels.max() >= LEVELS:
            raise malformed("a level of its table is out of range")
        table = ans.model(ans.frequencies(WEIGHTS[levels]))
        tokens = ans.pop(coder, table, n) + np.int32(low)
    plain = low >= -(1 << scale.direct) and low + size <= 1 << scale.direct
    found = (
        tokens.astype(np.int64) if plain else scale.join(tokens, ans.pop_bits(coder, scale.widths(tokens)))
    )
    ans.finish(coder)
    return found


def estimate(values: NDArray[np.int64]) -> float:
    """About how many bits :func:`encode` needs for an array, without the table."""
    tokens, width, _ = SCALES[0].split(values.ravel())
    return _entropy(_counts(tokens)[1]) + float(width.sum())


def cost(low: int, counts: NDArray[np.int64]) -> list[float]:
    """The bits that each scale would need, given the counts of the finest tokens from ``low`` on."""
    some = np.flatnonzero(counts)
    fine = (some + low).astype(np.int32)
    values = SCALES[0].join(fine, np.zeros(len(fine), np.uint64))  # the first with each token
    needed = []
    for scale in SCALES:
        tokens = scale.split(values)[0]
        sums = _counts(tokens, counts[some])[1]
        jumps = np.diff(_levels(sums), prepend=0) + (LEVELS - 1)
        table = BITS_OF_JUMPS[jumps].sum() if len(sums) > 1 else 0.0
        needed.append(table + _entropy(sums) + float(scale.widths(tokens) @ counts[some]))
    return needed


def _counts(
    tokens: NDArray[np.int32], weights: NDArray[np.int64] | None = None
) -> tuple[int, NDArray[np.int64]]:
    """The lowest token, and how often each from there to the highest occurs."""
    low = int(tokens.min())
    found = np.bincount(tokens - np.int32(low), weights)
    return low, found.astype(np.int64)


def _levels(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    with np.errstate(divide="ignore"):
        level = 1 + np.rint(STEPS * np.log2(counts))
    return np.where(counts > 0, np.minimum(level, LEVELS - 1), 0).astype(np.int64)


def _entropy(counts: NDArray[np.int64]) -> float:
    some = counts[counts > 0]
    return float(some @ np.log2(some.sum() / some))


BITS_OF_JUMPS = np.log2(ans.TOTAL / JUMPS)
