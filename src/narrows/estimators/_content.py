"""What a codec is given and gives back: arrays as they are, columns of tables as numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from narrows.coding import Reader
from narrows.coding.layout import LARGEST
from narrows.inputs.frames import is_frame
from narrows.inputs.lazy import is_lazy
from narrows.sources.writing import writing

ANY = 1e300  # a bound that no error reaches


class Content:
    """Rows (n, …) of one type, cut where they are asked for: ``kind`` is "array", or "table" of what ``schema``
    reads as columns of numbers, float64, NaN where there is a gap.

    Raises:
        ValueError: X is neither, or of another shape than the rows that were fitted.
    """

    def __init__(self, X: Any, schema: Any):
        self.schema = schema
        if isinstance(X, list) and len(X) == 1 and hasattr(X[0], "shape"):  # one series, one sound
            (X,) = X
        typed = hasattr(schema, "columns")
        self.kind = "table" if typed or is_frame(X) or hasattr(X, "schema") else "array"
        if self.kind == "table":
            self.source = schema.rows(X, finite=False)
        elif isinstance(X, list) or (hasattr(X, "tocsr") and not isinstance(X, np.ndarray)):
            raise ValueError(
                f"X is a {type(X).__name__}, but one array, or one frame, was expected: compress one after the other,"
                " and sparse matrices as X.toarray()."
            )
        else:
            self.source = X if is_lazy(X) else np.asarray(X)
        self.shape, self.dtype = tuple(self.source.shape), np.dtype(self.source.dtype)
        if self.dtype.kind not in "fiub":
            raise ValueError(f"X holds {self.dtype}, but numbers were expected: convert it, or pass a frame.")
        self.dtype = np.dtype(np.uint8) if self.dtype.kind == "b" else self.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        part = np.asarray(self.source[which])
        if self.kind == "table" and hasattr(self.schema, "strange") and self.schema.strange(part).any():
            raise ValueError(
                "X holds categories that were not seen in training, for which there is no symbol: fit the codec on rows"
                " that have them."
            )
        return np.ascontiguousarray(part, self.dtype)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def chunk(self, size: int) -> int:
        """Rows of about so many bytes, whole windows of a series."""
        each = max(1, self.nbytes // max(1, len(self)))
        rows = max(1, min(size, LARGEST) // each)
        window = self.schema.window if getattr(self.schema, "windowed", False) else 1
        return -(-rows // window) * window

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

    def exact(self, eps: Any) -> np.ndarray:
        """Bounds as they are kept: 0 in columns of a table that have no error to speak of."""
        if self.kind != "table" or not hasattr(self.schema, "columns"):
            return np.asarray(eps, np.float64)
        number = [column.kind == "number" and not column.step for column in self.schema.columns]
        return np.where(number, eps, 0.0)


def restored(
    reader: Reader, parts: Iterable[np.ndarray], schema: Any, rows: int, out: str | os.PathLike[str] | None
) -> Any:
    """Decoded rows as they were given; or the path ``out``, to which they were written as they came."""
    table = reader.header["content"] == "table"
    back = schema.restore if table else lambda part: part
    if out is not None:
        with writing(out, rows, getattr(schema, "names", None)) as append:
            for part in parts:
                append(back(part))
        return Path(out)
    found = np.empty((rows, *reader.shape), reader.dtype)
    at = 0
    for part in parts:
        found[at : at + len(part)] = part
        at += len(part)
    return back(found)
