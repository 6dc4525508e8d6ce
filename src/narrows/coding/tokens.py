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
FEW = 1 / 4  # the share of large numbers up to which only they are taken apart


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
        end = 1 << self.direct
        if not values.size or (values.min() >= -end and values.max() < end):
            nothing = np.zeros(0, np.int32)
            return values.astype(np.int32), nothing, nothing.astype(np.uint64)
        token, width = values.astype(np.int32), np.zeros(values.shape, np.int32)
        raw = np.zeros(values.shape, np.uint64)
        for start in range(0, len(values), BLOCK):  # in pieces that fit in a processor's cache
            piece = slice(start, start + BLOCK)
            large = np.flatnonzero((values[piece] < -end) | (values[piece] >= end))
            at = large + start if len(large) <= FEW * BLOCK else piece
            sign = values[at] >> 63
            size, width[at], raw[at] = self.magnitudes((values[at] ^ sign).view(np.uint64))
            token[at] = size ^ sign.astype(np.int32)
        return token, width, raw

    def magnitudes(
        self, values: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64]]:
        """The same for numbers in 0…2⁶⁴−1."""
        # Without the bit after the leading one a conversion to a float cannot round up to a power of two.
        if values.max(initial=0) >> 31:
            leading = values & ~(values >> np.uint64(1))
            length = (leading.astype(np.float64).view(np.int64) >> 52).astype(np.int32) - 1023
        else:  # half as wide, twice as fast
            values = values.astype(np.uint32)
            leading = values & ~(values >> np.uint32(1))
            length = (leading.astype(np.float32).view(np.int32) >> 23) - 127
        large = length >= self.direct
        # Products, here and below: where a mask changes often, np.where takes thirty times as long.
        width = (length - self.mantissa) * large
        shift, one = width.astype(values.dtype), values.dtype.type(1)
        top = (values >> shift).astype(np.int32)  # below 2^direct, or 2^mantissa and its mantissa
        token = top + (self._base(length) - (1 << self.mantissa)) * large
        return token, width, (values & ((one << shift) - one)).astype(np.uint64, copy=False)

    def widths(self, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        """How many raw bits go with each token, signed or not."""
        size = tokens ^ (tokens >> 31)
        above = np.maximum(size - (1 << self.direct), -1)
        return (self.direct - self.mantissa + (above >> self.mantissa)) * (above >= 0)

    def whole(self, tokens: NDArray[np.int32], raw: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The magnitudes with these tokens ≥ 0 and raw bits."""
        width = self.widths(tokens)
        large = tokens >= 1 << self.direct
        top = tokens - (self._base(width + self.mantissa) - (1 << self.mantissa)) * large
        return (top.astype(np.uint64) << width.astype(np.uint64)) | raw

    def join(self, tokens: NDArray[np.int32], raw: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The way back from :meth:`split`."""
        found, end = tokens.astype(np.int64), 1 << self.direct
        for start in range(0, len(tokens), BLOCK):
            piece = slice(start, start + BLOCK)
            large = np.flatnonzero((tokens[piece] < -end) | (tokens[piece] >= end))
            at = large + start if len(large) <= FEW * BLOCK else piece
            sign = tokens[at] >> 31
            found[at] = self.whole(tokens[at] ^ sign, raw[at]).view(np.int64) ^ sign
        return found

    def _base(self, length: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first token of magnitudes whose leading bit is bit ``length``."""
        return (1 << self.direct) + ((length - self.direct) << self.mantissa)
