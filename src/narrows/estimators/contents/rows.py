"""Rows of one type, as they are: an array, in memory or read on demand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from narrows.coding import Reader
from narrows.coding.layout import LARGEST
from narrows.estimators._promise import ANY, Promise
from narrows.inputs.lazy import is_lazy
from narrows.sources.writing import writing


class Content:
    """Rows (n, …) of one type, cut where they are asked for, of what is to be compressed.

    ``kind`` names it in a header, and ``facts`` are what else the way back needs; ``endings`` are those of files which
    can hold it.  ``unit``: what 1 of the rows is in the user's units.  ``always``: it comes back exactly under any
    promise.

    Raises:
        ValueError: X is no such thing, or of another shape than the rows that were fitted.
    """

    kind = "array"
    endings: tuple[str, ...] = (".npy", ".npz")
    unit = 1.0
    always = False

    def __init__(self, X: Any, schema: Any):
        self.schema = schema
        if isinstance(X, list) and len(X) == 1 and hasattr(X[0], "shape"):  # one series
            (X,) = X
        if isinstance(X, list) and any(isinstance(x, str) for x in X):
            raise ValueError(
                "X is a list of texts, but a codec stores numbers and tables: pass a frame with that column."
            )
        self._take(X if is_lazy(X) else np.asarray(X))

    def _take(self, source: Any) -> None:
        """Rows (n, …) of one type, which a slice gives."""
        self.source = source
        self._are(tuple(source.shape), np.dtype(source.dtype))

    def _are(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Keep what rows are like."""
        self.shape, self.given = shape, dtype
        if not self.shape:
            raise ValueError("X is a single number, but rows were expected: pass an array (n, …).")
        if self.given.kind not in "fiub" or self.given.itemsize > 8:
            raise ValueError(f"X holds {self.given}, but numbers were expected: convert it, or pass a frame.")
        self.dtype = np.dtype(np.uint8) if self.given.kind == "b" else self.given.newbyteorder("=")

    def ending(self, path: str | os.PathLike[str] | None = None) -> str:
        """The ending of the file at ``path``, where such a file can hold the answer."""
        found = "" if path is None else Path(path).suffix.lower()
        return found if found in self.endings else self.endings[0]

    @property
    def facts(self) -> dict[str, Any]:
        """What the way back needs to know, as JSON."""
        return {"bool": True} if self.given.kind == "b" else {}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        return np.ascontiguousarray(self.source[which], self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers that were given."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def chunk(self, size: int) -> int:
        """Rows of about so many bytes, whole windows of a series."""
        each = max(1, int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize)
        window = self.schema.window if getattr(self.schema, "windowed", False) else 1
        rows = -(-max(1, min(size, LARGEST) // each) // window) * window
        if rows * each > LARGEST:
            raise ValueError(
                f"X has rows, or windows, of {window * each} bytes, but at most {LARGEST} can be stored: use"
                " input=Patches() or Signals(window=…), which cut them up."
            )
        return rows

    def spans(self) -> np.ndarray:
        """The greatest less the least of each column, or of all values where they have one scale."""
        low, high = np.inf, -np.inf
        whole = len(self.schema.row) > 1 and not getattr(self.schema, "windowed", False)
        for start in range(0, len(self), 1 << 16):
            part = self[start : start + (1 << 16)].astype(np.float64)
            axes = tuple(range(part.ndim)) if whole else (0,)
            there = {"axis": axes, "where": np.isfinite(part)}
            low = np.minimum(low, part.min(initial=np.inf, **there))
            high = np.maximum(high, part.max(initial=-np.inf, **there))
        with np.errstate(over="ignore"):
            return np.nan_to_num(np.maximum(high - low, 0.0), posinf=np.finfo(np.float64).max)

    def promise(self, max_error: float | None, rel_error: float | None, lossless: bool) -> Promise:
        """What a codec promises, in the units of the rows."""
        if lossless or self.always:
            return Promise(lossless=True)
        if max_error is not None:
            return Promise(self.exact(np.float64(max_error) / self.unit))
        if rel_error is not None:
            with np.errstate(over="ignore"):
                eps = np.minimum(rel_error * self.spans(), np.finfo(np.float64).max)
            return Promise(self.exact(eps))
        return Promise(self.exact(ANY) if self.kind == "table" else None)

    def exact(self, eps: Any) -> np.ndarray:
        """Bounds as they are kept: 0 in columns that have no error to speak of."""
        return np.asarray(eps, np.float64)


class Answer:
    """Decoded rows as they were given, from what an archive's header says.

    Raises:
        ValueError: the header says what cannot be.
    """

    unit = 1.0

    def __init__(self, reader: Reader, schema: Any):
        self.header, self.schema, self.rows = reader.header, schema, reader.rows
        self.dtype, self.shape = reader.dtype, reader.shape
        self.bool = bool(reader.header.get("bool"))

    @property
    def length(self) -> int:
        """How many things there are that the user counts."""
        return self.rows

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """The rows, [first, last), of things ``start`` … ``stop`` − 1."""
        return start, stop

    def here(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Any:
        """Things ``start`` … ``stop`` − 1, from their rows in ``parts``."""
        return self.back(self.gathered(parts, start, stop))

    def written(
        self, parts: Iterable[np.ndarray], start: int, stop: int, out: str | os.PathLike[str]
    ) -> Path:
        """The path ``out``, to which they were written as they came."""
        with writing(out, stop - start, self.names) as append:
            if start == stop:  # a file without rows, too, says what its rows are like
                append(self.back(np.empty((0, *self.shape), self.dtype)))
            for part in parts:
                append(self.back(part))
        return Path(out)

    @property
    def names(self) -> Any:
        return getattr(self.schema, "names", None)

    def back(self, part: np.ndarray) -> Any:
        """Some rows as the user has them."""
        return part.astype(bool) if self.bool else part

    def gathered(self, parts: Iterable[np.ndarray], start: int, stop: int) -> np.ndarray:
        """All rows of things ``start`` … ``stop`` − 1."""
        first, last = self.span(start, stop)
        try:
            found = np.empty((last - first, *self.shape), self.dtype)
        except (MemoryError, ValueError):  # also of more bytes than numbers can count
            raise ValueError(
                f"The file says that it holds {last - first} rows of {self.shape}, which do not fit into memory: pass"
                " out='name' to write them piece by piece, or start and stop for some of them."
            ) from None
        at = 0
        for part in parts:
            found[at : at + len(part)] = part
            at += len(part)
        return found
