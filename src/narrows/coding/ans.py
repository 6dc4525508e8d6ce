"""The entropy coder: constriction's stack of asymmetric numeral systems, told whole numbers only.

A model here is a vector of integer frequencies, each at least 1, that add up to 2²⁴. constriction makes its
own fixed-point model, of 24 bits, out of floating-point weights wᵢ: symbol i begins at
⌊(w₀ + … + wᵢ₋₁)·s⌋ + i, where s = (2²⁴ − n)/Σw.  With wᵢ = fᵢ − 1, whole numbers below 2²⁴, s is 1 and
every sum is exact in any order, so symbol i gets exactly its share fᵢ/2²⁴: no rounding, on any machine, and
never a share of 0.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from narrows.coding.pieces import malformed

BITS = 24  # of precision, which are constriction's own
TOTAL = 1 << BITS
models, stack = constriction.stream.model, constriction.stream.stack

MOST = 1 << 17  # symbols of one table
ROOM = 38  # bits that the sum of weights may have, so that weight · TOTAL stays below 2⁶³
PIECE = 24  # raw bits that are coded at once
BLOCK = 1 << 16  # numbers whose raw bits stand together: they fit in a processor's cache


def coder(data: bytes | None = None) -> Any:
    """An empty stack to push on, or the one that :func:`stored` wrote, to pop from."""
    if data is None:
        return stack.AnsCoder()
    if len(data) % 4:
        raise malformed(f"{len(data)} bytes are not whole words of four")
    if data and data[-4:] == b"\0\0\0\0":
        raise malformed("it ends in an empty word")
    return stack.AnsCoder(np.frombuffer(data, "<u4").astype(np.uint32))


def stored(coder: Any) -> bytes:
    """What was pushed, as bytes: words of 32 bits, lowest byte first."""
    written: bytes = coder.get_compressed().astype("<u4").tobytes()
    return written


def finish(coder: Any) -> None:
    """Raise where something is left on the stack, or bits have run out, after all was popped."""
    if not coder.is_empty():
        raise malformed("its end does not fit its beginning")


def frequencies(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integer frequencies ≥ 1 with the sum 2²⁴ in proportion to weights ≥ 0, in integer arithmetic.

    >>> frequencies(np.array([3, 1, 0])).tolist(), TOTAL
    ([12582911, 4194304, 1], 16777216)
    """
    weights = np.asarray(weights, np.int64)
    total = sum(weights.tolist())
    if total >> ROOM:
        weights = weights >> (total.bit_length() - ROOM)
        total = int(weights.sum())
    if total == 0:
        weights, total = np.ones_like(weights), len(weights)
    found = 1 + weights * (TOTAL - len(weights)) // total
    found[int(found.argmax())] += TOTAL - int(found.sum())
    return found


def model(frequencies: NDArray[np.int64]) -> Any:
    """constriction's model with exactly these frequencies (n ≥ 2, each ≥ 1, sum 2²⁴); its symbols are 0…n−1."""
    return models.Categorical((frequencies - 1).astype(np.float64), perfect=False)


def push(coder: Any, symbols: NDArray[np.integer], model: Any) -> None:
    """Symbols of one model, of any shape, so that they pop in order."""
    coder.encode_reverse(np.ascontiguousarray(symbols, np.int32).ravel(), model)


def pop(coder: Any, model: Any, n: int) -> NDArray[np.int32]:
    """The next ``n`` symbols of one model."""
    found: NDArray[np.int32] = coder.decode(model, n)
    return found


def push_bits(coder: Any, values: NDArray[np.uint64], widths: NDArray[np.integer]) -> None:
    """The lowest ``widths`` bits (0…63) of each value, as they are: block by block, and in each the lowest
    24 bits of all, then the next.
    """
    for start in reversed(range(0, len(widths), BLOCK)):
        value, width = values[start : start + BLOCK], widths[start : start + BLOCK]
        pieces = []
        # By their places: to pick by a mask that changes often takes ten times as long.
        while (at := np.flatnonzero(width > 0)).size:
            value, width = value[at], width[at]
            sizes = _sizes(width)
            pieces.append(((value & (sizes.astype(np.uint64) - np.uint64(1))).astype(np.int32), sizes))
            if width.max() <= PIECE:
                break
            value, width = value >> np.uint64(PIECE), width - PIECE
        for symbols, sizes in reversed(pieces):
            coder.encode_reverse(symbols, models.Uniform(), sizes)


def pop_bits(coder: Any, widths: NDArray[np.integer]) -> NDArray[np.uint64]:
    """What :func:`push_bits` pushed."""
    found = np.zeros(len(widths), np.uint64)
    for start in range(0, len(widths), BLOCK):
        block, left = found[start : start + BLOCK], widths[start : start + BLOCK]
        at, done = np.flatnonzero(left), 0
        left = left[at]
        while at.size:
            symbols = coder.decode(models.Uniform(), _sizes(left))
            block[at] |= symbols.astype(np.uint64) << np.uint64(done)
            some = left > PIECE
            at, left, done = at[some], left[some] - PIECE, done + PIECE
    return found


def _sizes(widths: NDArray[np.integer]) -> NDArray[np.int32]:
    return np.left_shift(1, np.minimum(widths, PIECE).astype(np.int32), dtype=np.int32)
