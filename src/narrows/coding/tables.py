"""Frozen frequency tables for the symbols of a code: integers, so that decoding never meets a rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from narrows.coding import ans, escapes
from narrows.coding.histograms import learned

LEAST = 1 << 6  # of 2²⁴, the share of the escape where probabilities are given that add up to 1


@dataclass(frozen=True, eq=False)
class Tables:
    """One table of integer frequencies for each of ``channels`` channels, or one for all of them.

    Table t knows the symbols ``low[t]`` … ``low[t] + sizes[t] − 1`` and, last, an escape, behind which any
    other int64 is coded exactly. ``frequencies`` (sum of sizes + 1) has one table after the other; those
    of a table are at least 1 and add up to 2²⁴.

    >>> rows = np.array([[0, 5], [1, 5], [0, 5], [0, 6]])
    >>> tables = Tables.of(rows)
    >>> data = tables.encode(rows)
    >>> tables.decode(data, 4).tolist(), len(data)
    ([[0, 5], [1, 5], [0, 5], [0, 6]], 4)
    """

    low: NDArray[np.int64]
    sizes: NDArray[np.int64]
    frequencies: NDArray[np.uint32]
    channels: int

    def __post_init__(self) -> None:
        low, sizes, table = self.low, self.sizes, self.frequencies
        if not (
            low.dtype == np.int64 and sizes.dtype == np.int64 and table.dtype == np.uint32
            and low.ndim == sizes.ndim == table.ndim == 1 and len(low) == len(sizes)
            and self.channels >= 0 and len(low) in (1, self.channels)
        ):  # fmt: skip
            raise _unfit(
                f"{len(low)} tables for {self.channels} channels, of {low.dtype}, {sizes.dtype} and {table.dtype}"
            )
        if len(sizes) and (sizes.min() < 1 or sizes.max() > ans.MOST):
            raise _unfit(f"tables of {sizes.min()} to {sizes.max()} symbols")
        if int((sizes + 1).sum()) != len(table):
            raise _unfit(f"{len(table)} frequencies for {int((sizes + 1).sum())} symbols")
        if len(low) and (low > np.iinfo(np.int64).max - sizes).any():
            raise _unfit("symbols beyond 64 bits")
        sums = np.add.reduceat(table.astype(np.int64), self._starts) if len(low) else np.zeros(0, np.int64)
        if len(table) and (table.min() < 1 or (sums != ans.TOTAL).any()):
            raise _unfit("frequencies below 1 or with another sum than 2**24")

    @classmethod
    def of(cls, indices: ArrayLike, shared: bool = False) -> Tables:
        """Tables that fit training symbols (n, channels): what was seen, and some of what lies near it."""
        rows = _rows(indices)
        columns = [rows.ravel()] if shared else list(rows.T)
        found = [learned(column) for column in columns]
        return cls._of([low for low, _ in found], [table for _, table in found], rows.shape[1])

    @classmethod
    def from_probabilities(
        cls, probabilities: Sequence[tuple[int, ArrayLike]], channels: int | None = None
    ) -> Tables:
        """Tables from ``(lo, p)`` of each channel: the probabilities of lo, lo + 1, …; what is missing to 1, and
        at least 2⁻¹⁸, goes to the escape. With ``channels``, one pair serves so many.
        """
        lows, tables = [], []
        for low, given in probabilities:
            p = np.asarray(given, np.float64)
            if p.ndim != 1 or not p.size or not (p >= 0).all() or not 0 <= p.sum() <= 1 + 1e-6:
                raise ValueError(
                    f"probabilities of shape {p.shape} with the sum {p.sum():.6g} were given, expected a row of numbers"
                    " ≥ 0 with a sum of at most 1: pass such a row for each channel."
                )
            escape = max(1 - p.sum(), LEAST / ans.TOTAL)
            weights = np.rint(np.append(p, escape) * (1 << 36)).astype(np.int64)
            lows.append(int(low))
            tables.append(ans.frequencies(weights))
        return cls._of(lows, tables, len(tables) if channels is None else channels)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tables:
        """The tables that :meth:`arrays` describes; checked, for they may come from a file."""
        try:
            low, sizes, table, channels = (
                arrays[name] for name in ("low", "sizes", "frequencies", "channels")
            )
        except KeyError as error:
            raise _unfit(f"no array {error}") from None
        if channels.shape != (1,) or channels.dtype != np.int64:
            raise _unfit(f"a number of channels of shape {channels.shape} and {channels.dtype}")
        return cls(low, sizes, table, int(channels[0]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Whole numbers that are all there is to know, for a file."""
        return {
            "low": self.low,
            "sizes": self.sizes,
            "frequencies": self.frequencies,
            "channels": np.array([self.channels], np.int64),
        }

    def bits(self, indices: ArrayLike) -> float:
        """How many bits the symbols (n, channels) are worth under these tables, escapes included."""
        rows = self._checked(indices)
        symbols, outside = self._symbols(rows)
        starts = self._starts if len(self.low) else np.zeros(1, np.int64)
        worth = np.log2(ans.TOTAL / self.frequencies.astype(np.float64))
        counts = np.bincount((symbols + starts).ravel(), minlength=len(worth)) if symbols.size else 0 * worth
        return float(counts @ worth) + escapes.bits(self._distances(rows, outside)[1])

    def encode(self, indices: ArrayLike) -> bytes:
        """The symbols (n, channels), int64, as bytes: whole words of 32 bits, none where nothing is to be said.

        Raises:
            ValueError: the shape is another.
        """
        rows = self._checked(indices)
        symbols, outside = self._symbols(rows)
        coder = ans.coder()
        escapes.push(coder, *self._distances(rows, outside))
        for channel in reversed(range(self.channels)):
            ans.push(coder, symbols[:, channel], self._models[channel % len(self.low)])
        return ans.stored(coder)

    def decode(self, data: bytes, n: int) -> NDArray[np.int64]:
        """The ``n`` rows of symbols that were encoded, (n, channels).

        Raises:
            ValueError: the bytes are not such a code.
        """
        coder = ans.coder(data)
        symbols = np.empty((n, self.channels), np.int64)
        for channel in range(self.channels):
            symbols[:, channel] = ans.pop(coder, self._models[channel % len(self.low)], n)
        outside = symbols == self.sizes
        symbols += self.low
        if outside.any():
            below, distance = escapes.pop(coder, int(outside.sum()))
            low, high = self._ends(outside)
            origin = np.where(below, low, high).view(np.uint64)
            symbols[outside] = np.where(below, origin - distance, origin + distance).view(np.int64)
        ans.finish(coder)
        return symbols

    @classmethod
    def _of(cls, lows: list[int], tables: list[NDArray[np.int64]], channels: int) -> Tables:
        sizes = np.array([len(table) - 1 for table in tables], np.int64)
        flat = np.concatenate(tables) if tables else np.zeros(0, np.int64)
        return cls(np.array(lows, np.int64), sizes, flat.astype(np.uint32), channels)

    @property
    def _starts(self) -> NDArray[np.int64]:
        """Where each table begins among all frequencies."""
        return np.cumsum(self.sizes + 1) - (self.sizes + 1)

    @cached_property
    def _models(self) -> list[Any]:
        pieces = np.split(self.frequencies.astype(np.int64), self._starts[1:]) if len(self.low) else []
        return [ans.model(piece) for piece in pieces]

    def _checked(self, indices: ArrayLike) -> NDArray[np.int64]:
        rows = _rows(indices)
        if rows.shape[1] != self.channels:
            raise ValueError(
                f"symbols of {rows.shape[1]} channels were given to tables of {self.channels}: pass as many channels."
            )
        return rows

    def _symbols(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Each symbol's place in its table, and whether it is an escape."""
        outside = (rows < self.low) | (rows > self.low + (self.sizes - 1))
        return np.where(outside, self.sizes, rows - self.low), outside

    def _ends(self, outside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The last symbol below each table with an escape, and the first above; the first may wrap around."""
        where = np.nonzero(outside)[1] % max(1, len(self.low))
        return self.low[where] - 1, self.low[where] + self.sizes[where]

    def _distances(
        self, rows: NDArray[np.int64], outside: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Of each escape whether it lies below its table, and how many symbols beyond the first that does."""
        values = rows[outside]
        low, high = self._ends(outside)
        below = values < self.low[np.nonzero(outside)[1] % max(1, len(self.low))]
        up, down = values.view(np.uint64) - high.view(np.uint64), low.view(np.uint64) - values.view(np.uint64)
        return below, np.where(below, down, up)


def _rows(indices: ArrayLike) -> NDArray[np.int64]:
    rows = np.asarray(indices)
    if rows.ndim != 2 or rows.dtype.kind not in "iu" or rows.dtype == np.uint64:
        raise ValueError(
            f"symbols of shape {rows.shape} and {rows.dtype} were given, expected whole numbers (n, channels) that fit"
            " int64: pass such an array."
        )
    return rows.astype(np.int64, copy=False)


def _unfit(reason: str) -> ValueError:
    return ValueError(
        f"{reason} cannot be frequency tables, expected what Tables.arrays() gives: pass those."
    )
