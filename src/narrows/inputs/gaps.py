"""Rows whose gaps matter: where they are in what the user passed, and answers in which all else is as it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import narwhals as nw
import numpy as np

from narrows.contracts import Rows, Schema
from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame


def checked(X: Any) -> Any:
    """X, an array if it is neither a frame nor read on demand: of numbers, where it can be one."""
    if is_lazy(X) or as_frame(X) is not None:
        return X
    X = unmasked(X)
    array = X if isinstance(X, np.ndarray) else _checks.numeric(X) if _plain(X) else np.asarray(X, object)
    if array.dtype != object:
        array = _checks.numeric(array)
    elif _numeric(array):
        array = np.where(missing(array), None, array).astype(np.float64)  # None becomes NaN
    else:
        _no_containers(array)
    if array.ndim < 2:
        raise ValueError(
            f"X is a {array.ndim}-D array of shape {array.shape}, but rows and columns were expected: Reshape your data"
            " using X.reshape(-1, 1) if it has one column, X.reshape(1, -1) if it is one row."
        )
    _checks.nonempty(array)
    if array.dtype != object:
        _checks.finite(array, missing=True)
    return array


def unmasked(X: Any) -> Any:
    """X; a masked array with NaN, or None, where it is masked."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if not np.ma.is_masked(X):
        return X.data
    kind = X.dtype.kind
    wide = X if kind == "f" else X.astype(np.float64 if kind in "iu" else object)
    return wide.filled(None if wide.dtype == object else np.nan)


def _plain(X: Any) -> bool:
    """Whether it is no list, or one of numbers alone: NumPy makes text of mixed ones."""
    return (
        not isinstance(X, (list, tuple)) or np.asarray(X, object).ndim < 2 or _numeric(np.asarray(X, object))
    )


def _numeric(array: np.ndarray) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return all(_gone(v) or (isinstance(v, kinds) and not isinstance(v, bool)) for v in array.flat)


def _no_containers(array: np.ndarray) -> None:
    """Refuse what no column can hold, in float's own words, for that is what it would be asked for."""
    for value in array.flat:
        if isinstance(value, (dict, list, tuple, set)):
            try:
                float(value)  # type: ignore[arg-type]
            except TypeError as error:
                raise TypeError(
                    f"X holds a {type(value).__name__} ({error}), but numbers, text, booleans or times were expected:"
                    " encode or drop that column."
                ) from None


def is_images(X: Any) -> bool:
    return len(getattr(X, "shape", ())) in (3, 4)


def rows(schema: Schema, X: Any) -> np.ndarray | Rows:
    """(n, \\*row) in user units, NaN where something is missing, whether the schema knows that or not."""
    if schema.missing or is_lazy(X):
        return schema.rows(X)
    frame = as_frame(X)
    if frame is not None:
        X = np.stack([column.cast(nw.Float64).to_numpy() for column in frame.iter_columns()], 1)
    holes = missing(X)
    whole = np.where(holes, 0, X).astype(np.float64) if holes.any() else X
    found = schema.rows(whole)
    if not holes.any():
        return found
    return np.where(schema.rows(holes.astype(np.float32)) > 0, np.nan, found)  # axes may move


def missing(X: np.ndarray) -> np.ndarray:
    """Where an array has NaN, or None."""
    if X.dtype.kind == "f":
        return np.isnan(X)
    if X.dtype != object:
        return np.zeros(X.shape, bool)
    return np.frompyfunc(_gone, 1, 1)(X).astype(bool)


def _gone(value: Any) -> bool:
    """Whether it stands for what is missing: None, NaN, NaT, or pandas' NA, which compares as itself."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64, datetime)) and value != value


def kept(X: Any, filled: Any) -> Any:
    """``filled``, which is like X, but with X's own values wherever there are any: bit for bit."""
    frame = as_frame(X)
    if frame is None:
        array = checked(X) if isinstance(X, (list, tuple, np.ma.MaskedArray)) else np.asarray(X)
        holes = missing(array)
        answer = array.copy()
        if holes.any():
            answer[holes] = np.asarray(filled)[holes]
        return answer
    full = nw.from_native(filled, eager_only=True)
    columns = {str(name): full.get_column(name) for name in full.columns}
    return frame.with_columns(
        *[_coalesced(own, columns[str(own.name)]) for own in frame.iter_columns()]
    ).to_native()


def _coalesced(own: nw.Series, filled: nw.Series) -> nw.Series:
    gone = own.is_null()
    if own.dtype.is_float():
        gone = gone | own.is_nan().fill_null(True)
    if not gone.any():
        return own
    if gone.all():
        return filled.alias(own.name)
    if own.dtype != filled.dtype:  # it could not hold what was filled in
        own = own.cast(filled.dtype)
    return own.zip_with(~gone, filled)
