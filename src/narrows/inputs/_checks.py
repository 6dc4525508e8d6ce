"""Refusing what is not an array of finite numbers, in one sentence each."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse


def numeric(X: Any, name: str = "X") -> np.ndarray:
    """``X`` as an array of real numbers in its own dtype; objects that hold numbers become float64."""
    if scipy.sparse.issparse(X):
        raise TypeError(
            f"{name} is a sparse matrix of shape {X.shape}, but a dense array was expected: pass {name}.toarray()."
        )
    try:
        array = np.asarray(X)
    except ValueError as error:  # numpy says what is wrong, and goes on about how it found out
        raise ValueError(
            f"{name} is a nested {type(X).__name__} whose rows differ in length ({str(error).split('.')[0]}):"
            " pass rows that all have the same columns."
        ) from None
    if np.iscomplexobj(array):
        raise ValueError(
            f"{name} holds complex numbers, but real ones were expected (Complex data not supported):"
            f" pass {name}.real, {name}.imag or np.abs({name})."
        )
    if not array.dtype.isnative:  # torch takes this machine's order of bytes alone
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "bui" or array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind in "US":
        raise ValueError(
            f"{name} holds text such as {str(array.flat[0])!r}, but numbers were expected:"
            " encode or drop the columns that are not numeric."
        )
    try:
        return array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} of dtype {array.dtype} holds something that is not a number ({error}):"
            " encode or drop the columns that are not numeric."
        ) from None


def nonempty(array: np.ndarray, name: str = "X") -> None:
    """At least one row and one feature."""
    if array.shape[0] == 0:
        raise ValueError(
            f"{name} has 0 rows (shape={array.shape}), but at least 1 was expected: pass some data."
        )
    if array.size == 0:
        raise ValueError(
            f"{name} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: pass some columns."
        )


def finite(
    array: np.ndarray,
    names: list[str] | None = None,
    name: str = "X",
    *,
    missing: bool = False,
    first: int = 0,
) -> None:
    """No infinity and, unless values may be ``missing``, no NaN; the first one is named, the row counted
    from ``first``."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):  # one pass, no temporary
            return
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    if not bad.any():
        return  # the sum overflowed, the numbers themselves are fine
    where = np.unravel_index(int(bad.argmax()), bad.shape)
    what = "NaN" if np.isnan(array[where]) else "infinity (inf)"
    column = repr(names[where[1]]) if names and len(where) == 2 else ", ".join(map(str, where[1:]))
    # Rows of columns may be a table.
    gaps = what == "NaN" and array.ndim == 2
    way = (
        ", fill them with nw.Imputer(), or fit with input=Table(), which takes gaps"
        if gaps
        else " or fill them"
    )
    raise ValueError(
        f"{name} holds {what} at row {first + where[0]}, column {column} ({int(bad.sum())} such values in all),"
        f" but complete finite numbers were expected: drop those rows{way}."
    )


def width(got: int, expected: int, name: str = "X") -> None:
    """The features that were fitted."""
    if got != expected:
        raise ValueError(
            f"{name} has {got} features, but Autoencoder is expecting {expected} features as input:"
            " pass the columns it was fitted on."
        )


def fits(array: np.ndarray, scaled: np.ndarray, *, first: int = 0) -> None:
    """Whether finite numbers stay finite once they are scaled to the model's precision."""
    bad = np.isinf(scaled)
    if bad.any():
        where = np.unravel_index(int(bad.argmax()), bad.shape)
        column = ", ".join(map(str, where[1:]))
        raise ValueError(
            f"X holds {array[where]:.3g} at row {first + where[0]}, column {column}, which is too large for a"
            f" model in {scaled.dtype}: leave that row out, or fit with precision='float64'."
        )
