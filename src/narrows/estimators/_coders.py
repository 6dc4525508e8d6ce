"""Ways to code a chunk of rows; a codec keeps the shortest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from narrows.coding import checksum, columns, plain
from narrows.coding.pieces import join, split
from narrows.estimators._promise import Promise, away, fitting
from narrows.fitted import Fitted
from narrows.tasks import symbols as coded


@dataclass(frozen=True, eq=False)
class Whole:
    """Rows as they are: zstd, or the bytes themselves."""

    number = 0

    def code(self, x: np.ndarray, promise: Promise, most: float) -> tuple[bytes, np.ndarray]:
        return plain.encode(x), x

    def decode(self, data: bytes, promise: Promise, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        return plain.decode(data, dtype, shape)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Rows without any prediction, as whole numbers of steps as wide as a promise allows; by nothing where some
    may err as they like."""

    number = 3

    def code(self, x: np.ndarray, promise: Promise, most: float) -> tuple[bytes, np.ndarray] | None:
        if not promise.bounds_all:
            return None
        found = columns.encode(x, promise.bound, lossless=promise.lossless)
        return found.payload, found.values

    def decode(self, data: bytes, promise: Promise, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        return columns.decode(data, dtype, shape, promise.bound)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Rows by symbols, from which they are guessed, and by what a promise wants to be known beside that; by nothing
    where the symbols alone take more than ``most`` bytes.

    ``cut(x)`` makes rows of a chunk (n, …) and ``joined(rows, dtype, shape)`` a chunk of rows; ``symbols(rows)`` are
    (k, channels) integers, ``guess`` their inverse; ``count(n)`` says how many rows, k, a chunk of n has.
    """

    number: int
    tables: Any  # Tables, or Classed
    cut: Callable[[np.ndarray], np.ndarray]
    symbols: Callable[[np.ndarray], np.ndarray]
    guess: Callable[[np.ndarray], np.ndarray]
    joined: Callable[[np.ndarray, np.dtype, tuple[int, ...]], np.ndarray]
    count: Callable[[int], int]

    def code(self, x: np.ndarray, promise: Promise, most: float) -> tuple[bytes, np.ndarray] | None:
        found = self.symbols(self.cut(x))
        if self.tables.bits(found) / 8 > most:
            return None
        guess = fitting(self.joined(self.guess(found), x.dtype, x.shape), x.dtype)
        beside, values = promise.keep(x, guess)
        return join([self.tables.encode(found), beside]), values

    def decode(self, data: bytes, promise: Promise, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        first, beside = split(data, 2)
        found = self.tables.decode(first, self.count(shape[0]))
        return promise.kept(beside, fitting(self.joined(self.guess(found), dtype, shape), dtype))


class Coded(NamedTuple):
    """A chunk as it is stored: the number of the way, and the checksum of what it decodes to."""

    rows: int
    number: int
    payload: bytes
    content: int
    error: float


def shortest(x: np.ndarray, promise: Promise, ways: tuple[Any, ...]) -> Coded:
    """The chunk x (n, …) by the way that takes fewest bytes, the first of equals."""
    best, values, number = b"", x, -1
    for way in ways:
        found = way.code(x, promise, len(best) if number >= 0 else np.inf)
        if found is not None and (number < 0 or len(found[0]) < len(best)):
            best, values, number = *found, way.number
    return Coded(len(x), number, best, checksum(values.tobytes()), away(x, values))


def ahead(work: Callable[[Any], Any], things: Iterable[Any], threads: int) -> Iterator[Any]:
    """What ``work`` makes of each, in their order; on so many threads, few things ahead of the reader."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Any] = deque()
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True, eq=False)
class Network:
    """The symbols of a model with a discrete code."""

    fitted: Fitted
    double: Fitted

    @classmethod
    def of(cls, fitted: Fitted) -> Network:
        return cls(fitted, coded.twin(fitted))

    def symbols(self, rows: np.ndarray) -> np.ndarray:
        return coded.symbols(self.fitted, rows)

    def guess(self, found: np.ndarray) -> np.ndarray:
        return coded.rows_of(self.double, found)


@dataclass(frozen=True, eq=False)
class Linear:
    """Principal components of scaled rows, rounded to multiples of ``step``."""

    affine: Any
    mean: np.ndarray
    components: np.ndarray  # (k, features)
    step: float
    row: tuple[int, ...]

    def symbols(self, rows: np.ndarray) -> np.ndarray:
        flat = (rows.astype(np.float64) - self.affine.shift) / self.affine.scale
        codes = (flat.reshape(len(rows), -1) - self.mean) @ self.components.T
        return np.rint(codes / self.step).astype(np.int64)

    def guess(self, found: np.ndarray) -> np.ndarray:
        flat = (found * self.step) @ self.components + self.mean
        return coded.rounded(flat.reshape(len(found), *self.row) * self.affine.scale + self.affine.shift)
