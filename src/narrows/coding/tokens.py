"""Whole numbers of any size as tokens of a small alphabet and some raw bits.

A magnitude below 2^``direct`` is its own token. A larger one is known by its bit length and the
``mantissa`` bits after the leading one; what is below them is not worth a model and stays raw.
The idea of hybrid integers: Alakuijala et al. 2019, "JPEG XL next-generation image compression
architecture and coding tools".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16


@dataclass(frozen=True)
class Tokens:
    """How finely magnitudes are told apart; ``mantissa ≤ direct``.

    >>> token, width, raw = Tokens(2, 1).split(np.array([0, 3, 4, 7, -1, -8]))
    >>> token.tolist(), width.tolist(), raw.tolist()
    ([0, 3, 4, 5, -1, -6], [0, 0, 1, 1, 0, 1], [0, 0, 0, 1, 0, 1])
    """

    direct: int
    mantissa: int

    def most(self, bits: int = 63) -> int:
        """The number of tokens of magnitudes that have up to ``bits`` bits."""
        return (1 << self.direct) + ((bits - self.direct) << self.mantissa)

    def split(
        self, values: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64]]:
        """Token, number of raw bits and raw bits of each int64 of (n,): a negative v has the token of ~v,
        mirrored. The last two are empty where no number has any.
        """
        if not values.size or (values.min() >= -(1 << self.direct) and values.max() < 1 << self.direct):
            nothing = np.zeros(0, np.int32)
            return values.astype(np.int32), nothing, nothing.astype(np.uint64)
        token, width = np.empty(values.shape, np.int32), np.empty(values.shape, np.int32)
        raw = np.empty(values.shape, np.uint64)
        for start in range(0, len(values), BLOCK):  # in pieces that fit in a processor's cache
            piece = slice(start, start + BLOCK)
            sign = values[piece] >> 63
            size, width[piece], raw[piece] = self.magnitudes((values[piece] ^ sign).view(np.uint64))
            np.bitwise_xor(size, sign.astype(np.int32), out=token[piece])
        return token, width, raw

    def magnitudes(
        self, values: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64]]:
        """The same for numbers in 0…2⁶⁴−1."""
        # Without the bit after the leading one a conversion to float64 cannot round up to a power of two.
        leading = values & ~(values >> np.uint64(1))
        length = (leading.astype(np.float64).view(np.int64) >> 52).astype(np.int32) - 1023
        large = length >= self.direct
        width = np.where(large, length - self.mantissa, 0)
        shift = width.astype(np.uint64)
        top = (values >> shift).astype(np.int32)  # below 2^direct, or 2^mantissa and its mantissa
        token = np.where(large, self._base(length) + top - (1 << self.mantissa), top)
        return token, width, values & ((np.uint64(1) << shift) - np.uint64(1))

    def widths(self, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        """How many raw bits go with each token, signed or not."""
        size = tokens ^ (tokens >> 31)
        above = np.maximum(size - (1 << self.direct), -1)
        return np.where(above >= 0, self.direct - self.mantissa + (above >> self.mantissa), 0).astype(
            np.int32
        )

    def whole(self, tokens: NDArray[np.int32], raw: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The magnitudes with these tokens ≥ 0 and raw bits."""
        width = self.widths(tokens)
        large = tokens >= 1 << self.direct
        top = np.where(large, tokens - self._base(width + self.mantissa) + (1 << self.mantissa), tokens)
        return (top.astype(np.uint64) << width.astype(np.uint64)) | raw

    def join(self, tokens: NDArray[np.int32], raw: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The way back from :meth:`split`."""
        found = np.empty(tokens.shape, np.int64)
        for start in range(0, len(tokens), BLOCK):
            piece = slice(start, start + BLOCK)
            sign = tokens[piece] >> 31
            whole = self.whole(tokens[piece] ^ sign, raw[piece]).view(np.int64)
            np.bitwise_xor(whole, sign.astype(np.int64), out=found[piece])
        return found

    def _base(self, length: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first token of magnitudes whose leading bit is bit ``length``."""
        return (1 << self.direct) + ((length - self.direct) << self.mantissa)
