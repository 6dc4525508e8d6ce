"""Tables for rows of several classes, each with frequencies of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from narrows.coding.ans import TOTAL
from narrows.coding.pieces import join, malformed, split
from narrows.coding.tables import Tables

PRIOR = 5.0  # rows that the table of all classes counts for in that of one


@dataclass(frozen=True, eq=False)
class Classed:
    """Symbols (n, 1 + channels), the first of which is the class of the row: a number from 0.

    >>> rows = np.array([[0, 5], [1, 9], [0, 5], [1, 9]])
    >>> tables = Classed.of(rows, 2)
    >>> tables.decode(tables.encode(rows), 4).tolist()
    [[0, 5], [1, 9], [0, 5], [1, 9]]
    """

    kinds: Tables
    each: tuple[Tables, ...]

    @classmethod
    def of(cls, indices: ArrayLike, classes: int) -> Classed:
        """Tables that fit training symbols; few rows of a class say little by themselves."""
        rows = np.asarray(indices, np.int64)
        kind, symbols = rows[:, 0], rows[:, 1:]
        whole = Tables.of(symbols)
        ends = np.cumsum(whole.sizes + 1)
        several = []
        for number in range(classes):
            mine, found = symbols[kind == number], []
            for j, (low, size, end) in enumerate(zip(whole.low, whole.sizes, ends, strict=True)):
                p = whole.frequencies[end - size - 1 : end - 1] / TOTAL
                place = mine[:, j] - low
                counts = np.bincount(place[(place >= 0) & (place < size)], minlength=size)
                found.append((int(low), (counts + PRIOR * p) / (len(mine) + PRIOR)))
            several.append(Tables.from_probabilities(found))
        every = np.concatenate([kind, np.arange(classes)])  # each was seen
        return cls(Tables.of(every[:, None]), tuple(several))

    def arrays(self) -> dict[str, NDArray[Any]]:
        found = {f"kinds.{name}": array for name, array in self.kinds.arrays().items()}
        for i, tables in enumerate(self.each):
            found |= {f"{i}.{name}": array for name, array in tables.arrays().items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Classed:
        """The tables that :meth:`arrays` describes; checked, for they may come from a file."""
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for name, array in arrays.items():
            of, _, rest = name.partition(".")
            parts.setdefault(of, {})[rest] = array
        kinds = parts.pop("kinds", {})
        if sorted(parts) != sorted(str(i) for i in range(len(parts))) or not parts:
            raise malformed("its tables of classes are not complete")
        return cls(
            Tables.from_arrays(kinds), tuple(Tables.from_arrays(parts[str(i)]) for i in range(len(parts)))
        )

    def bits(self, indices: ArrayLike) -> float:
        """How many bits the symbols are worth."""
        rows = np.asarray(indices, np.int64)
        found = self.kinds.bits(rows[:, :1])
        return found + sum(t.bits(rows[rows[:, 0] == i, 1:]) for i, t in enumerate(self.each))

    def encode(self, indices: ArrayLike) -> bytes:
        """The symbols as bytes: those of the classes, then those of the rows of each class.

        Raises:
            ValueError: a row is of no known class.
        """
        rows = np.asarray(indices, np.int64)
        if rows.size and not 0 <= rows[:, 0].min() <= rows[:, 0].max() < len(self.each):
            raise ValueError(
                f"rows of classes {rows[:, 0].min()} to {rows[:, 0].max()} were given, but there are {len(self.each)}"
                " classes from 0: pass their numbers."
            )
        parts = [tables.encode(rows[rows[:, 0] == i, 1:]) for i, tables in enumerate(self.each)]
        return join([self.kinds.encode(rows[:, :1]), *parts])

    def decode(self, data: bytes, n: int) -> NDArray[np.int64]:
        """The ``n`` rows of symbols that were encoded.

        Raises:
            ValueError: the bytes are not such a code.
        """
        first, *parts = split(data, 1 + len(self.each))
        kind = self.kinds.decode(first, n)[:, 0]
        if n and not 0 <= kind.min() <= kind.max() < len(self.each):
            raise malformed("a row is of no known class")
        found = np.empty((n, 1 + self.each[0].channels), np.int64)
        found[:, 0] = kind
        for i, (tables, part) in enumerate(zip(self.each, parts, strict=True)):
            mine = kind == i
            found[mine, 1:] = tables.decode(part, int(np.count_nonzero(mine)))
        return found


def tables_of(indices: ArrayLike, classes: int = 1) -> Tables | Classed:
    """Tables that fit training symbols; with several ``classes`` the first symbol of a row is its class."""
    return Tables.of(indices) if classes == 1 else Classed.of(indices, classes)


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Tables | Classed:
    """The tables that either's ``arrays`` describe."""
    return Tables.from_arrays(arrays) if "low" in arrays else Classed.from_arrays(arrays)


__all__ = ["Classed", "from_arrays", "tables_of"]
