"""What stands behind an escape: how far a symbol lies outside its table, on which side, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrows.coding import ans
from narrows.coding.tokens import Tokens

SCALE = Tokens(2, 1)
SIDES = 2
# Distances are mostly small, their sides as likely; a token's share falls with its square, so that even the
# largest distance costs no more than 15 bits above its own.
SHARES = ans.frequencies((1 << 24) // (2 + np.arange(SIDES * SCALE.most(64)) // SIDES) ** 2)
WORTH = np.log2(ans.TOTAL / SHARES)


def push(coder: Any, below: NDArray[np.bool_], distance: NDArray[np.uint64]) -> None:
    """Distances (n,) in 0…2⁶⁴−1, and for each whether it points to smaller numbers."""
    if len(distance):
        tokens, width, raw = SCALE.magnitudes(distance)
        ans.push_bits(coder, raw, width)
        ans.push(coder, SIDES * tokens + below, ans.model(SHARES))


def pop(coder: Any, n: int) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
    """The ``n`` distances that were pushed, sides first."""
    symbols = ans.pop(coder, ans.model(SHARES), n)
    tokens = symbols // SIDES
    return symbols % SIDES == 1, SCALE.whole(tokens, ans.pop_bits(coder, SCALE.widths(tokens)))


def bits(distance: NDArray[np.uint64]) -> float:
    """What they cost."""
    tokens, width, _ = SCALE.magnitudes(distance)
    return float(WORTH[SIDES * tokens].sum()) + float(width.sum())
