"""Rows that are read on demand, on their way to numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def is_lazy(X: Any) -> bool:
    """Whether X is read on demand (see ``contracts.Rows``) and not in memory."""
    return not isinstance(X, np.ndarray) and hasattr(X, "block") and hasattr(X, "shape")


def pattern(X: Any) -> Any:
    """What answers to pieces of X should be like, as if it were in memory: a frame or array of few rows;
    None where X is not rows and columns that are read on demand."""
    if not is_lazy(X) or len(X.shape) != 2:
        return None
    return X.schema.empty_table() if hasattr(X, "schema") else X[0:1]


class Converted:
    """``convert`` applied to what is read of ``source``: rows (n, \\*row) of ``dtype``."""

    def __init__(self, source: Any, row: tuple[int, ...], dtype: Any, convert: Callable[[Any], np.ndarray]):
        self.source, self.convert, self.dtype = source, convert, np.dtype(dtype)
        self.shape, self.block = (len(source), *row), source.block
        if getattr(source, "spans", None) is not None:
            self.spans = source.spans

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        return self.convert(self.source[which])


class Beside:
    """Each piece of ``rows`` that are converted as a pair: as numbers, and as it was read."""

    def __init__(self, rows: Converted):
        self.rows, self.shape = rows, rows.shape

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: slice) -> tuple[np.ndarray, Any]:
        piece = self.rows.source[which]
        return self.rows.convert(piece), piece


class Without:
    """``rows`` that are read on demand, without those of the ``spans`` [first, last)."""

    def __init__(self, rows: Any, spans: list[tuple[int, int]]):
        self.rows, self.dtype, self.block = rows, rows.dtype, rows.block
        edges = [0, *(edge for span in sorted(spans) for edge in span), len(rows)]
        self.kept = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        self.stops = np.cumsum([b - a for a, b in self.kept])
        self.shape = (int(self.stops[-1]), *rows.shape[1:])
        if getattr(rows, "spans", None) is not None:  # in the order of the file, as it is quickly read
            self.spans = list(zip([0, *self.stops[:-1].tolist()], self.stops.tolist(), strict=True))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        start, stop, _ = which.indices(len(self))
        parts = []
        for (a, _), end, size in zip(self.kept, self.stops, np.diff([0, *self.stops]), strict=True):
            first = end - size
            low, high = max(start, first), min(stop, end)
            if low < high:
                parts.append(self.rows[a + low - first : a + high - first])
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)
