"""Rows of numbers: arrays and frames."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import torch
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks
from narrows.inputs.lazy import Converted, is_lazy
from narrows.sources.frames import as_frame

TURNED = 4096  # rows that are made of columns at a time
SINGLE = (nw.Boolean, nw.Int8, nw.Int16, nw.UInt8, nw.UInt16, nw.Float32, getattr(nw, "Float16", nw.Float32))


@dataclass(frozen=True)
class Vectors:
    """Each row is a vector of numbers: an array (n, features) or a frame (pandas, polars,
    pyarrow) of numeric or boolean columns.  Missing values are refused.

    Answers are floats in the same kind of array or frame, whatever numbers went in.  Those of a frame, in
    memory or in files, are of one precision: float32 where that holds every number of the columns' types
    (up to 16 bits, or float32 themselves), else float64.

    >>> schema = Vectors().learn(np.zeros((3, 4)))
    >>> schema.row
    (4,)
    """

    def learn(self, X: Any) -> VectorsSchema:
        """What the training data look like."""
        if is_lazy(X):
            names, library = _described(X)
            return VectorsSchema(X.shape[1], names, library, library and _dtype(X).name)
        frame = as_frame(X)
        array = VectorsSchema._array(X, frame)
        if frame is None:
            return VectorsSchema(features=array.shape[1])
        return VectorsSchema(
            array.shape[1], tuple(frame.columns), frame.implementation.value, precision(frame).name
        )

    def build(self, shapes: Shapes) -> nn.Module:
        """Nothing stands between numbers and the encoder."""
        return nn.Identity()


@dataclass(frozen=True)
class VectorsSchema:
    """``features`` columns; ``names`` and the ``frame`` library they came in, where they did, and the
    ``dtype`` of its numbers."""

    features: int
    names: tuple[str, ...] | None = None
    frame: str | None = None
    dtype: str | None = None

    levels = None
    missing = False
    shared_scale = False

    @property
    def row(self) -> tuple[int, ...]:
        return (self.features,)

    def rows(self, X: Any, finite: bool = True) -> np.ndarray:
        """(n, features) in the user's units, checked; for NaN and infinity only if ``finite``, or else
        by who reads them next."""
        if is_lazy(X):
            _described(X)  # which looks at the axes before they are counted
            _checks.width(X.shape[1], self.features)
            return Converted(X, self.row, _dtype(X), _numbers)
        array = self._array(X, as_frame(X), finite)
        _checks.width(array.shape[1], self.features)
        return array

    @staticmethod
    def _array(X: Any, frame: nw.DataFrame | None, finite: bool = True) -> np.ndarray:
        if frame is not None:
            for name, dtype in frame.schema.items():
                if not (dtype.is_numeric() or dtype == nw.Boolean or dtype == nw.Object):
                    raise ValueError(
                        f"Column {name!r} is of type {dtype}, but numbers were expected: encode or drop it."
                    )
            array = _checks.numeric(frame.to_numpy()).astype(precision(frame), copy=False)
        else:
            array = _checks.numeric(X)
        if array.ndim != 2:
            raise _flat(array.shape)
        _checks.nonempty(array)
        if finite or frame is not None:  # a frame's columns have names to complain about
            _checks.finite(array, list(frame.columns) if frame is not None else None)
        return array

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Back to the kind of frame that was fitted (or that ``like`` is), with its precision and index."""
        frame = None if like is None else as_frame(like)
        if like is not None and frame is None:
            return rows
        backend = frame.implementation.value if frame is not None else self.frame
        if backend is None:
            return rows
        names = self.names if self.names is not None else tuple(frame.columns)
        # Not that of the codes: what comes of them is the same frame whichever way they went.
        rows = rows.astype(self.dtype or rows.dtype if frame is None else precision(frame), copy=False)
        native = nw.from_numpy(rows, [str(name) for name in names], backend=backend).to_native()
        if backend == "pandas":
            native.columns = list(names)  # pandas alone also knows names that are not text
            if frame is not None:
                native.index = like.index
        return native

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Vectors", **dataclasses.asdict(self)}


def _flat(shape: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"X is a {len(shape)}-D array of shape {shape}, but a 2-D array (rows, features) was expected:"
        " Reshape your data using X.reshape(-1, 1) if it has one feature, X.reshape(1, -1) if it is one row."
    )


def _described(X: Any) -> tuple[tuple[str, ...] | None, str | None]:
    """Names and library of columns that are read on demand; none of an array."""
    if len(X.shape) < 2:
        raise _flat(X.shape)
    if len(X.shape) != 2:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}, but vectors were expected: pass input='images' or flat rows."
        )
    if not hasattr(X, "schema"):
        return None, None
    for name, dtype in nw.from_native(X.schema.empty_table(), eager_only=True).schema.items():
        if not (dtype.is_numeric() or dtype == nw.Boolean):
            raise ValueError(
                f"Column {name!r} is of type {dtype}, but numbers were expected: encode or drop it."
            )
    return tuple(X.names), "pyarrow"


def precision(frame: nw.DataFrame) -> np.dtype:
    """float32 where that holds every number of the columns' types, else float64."""
    return np.dtype(np.float32 if all(kind in SINGLE for kind in frame.schema.values()) else np.float64)


def _dtype(X: Any) -> np.dtype:
    """That of what is read on demand: of an array its own."""
    if not hasattr(X, "schema"):
        return X.dtype
    return precision(nw.from_native(X.schema.empty_table(), eager_only=True))


def _numbers(part: Any) -> np.ndarray:
    """What was read as an array: columns side by side."""
    if isinstance(part, np.ndarray):
        return part
    rows = torch.empty(part.shape, dtype=torch.from_numpy(np.empty(0, _dtype(part))).dtype)
    at = 0
    for batch in part.to_batches():
        below = np.stack([_array(column) for column in batch.columns])
        below = torch.from_numpy(below.astype(_dtype(part), copy=False))
        # torch turns columns into rows in blocks, NumPy number by number; into memory that fits the cache.
        for few in below.split(TURNED, 1):
            rows[at : at + few.shape[1]].copy_(few.t())
            at += few.shape[1]
    return rows.numpy()


def _array(column: Any) -> np.ndarray:
    """An Arrow array's numbers; decimals, and booleans among which there are gaps, would be objects."""
    array = column.to_numpy(zero_copy_only=False)
    return column.cast("float64").to_numpy(zero_copy_only=False) if array.dtype == object else array
