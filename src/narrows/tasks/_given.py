"""What functions of a fitted model take in its place: an estimator that holds one."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from narrows.fitted import Fitted


def fitted_of(model: Any, verb: str) -> Fitted:
    """The fitted model of an Autoencoder, or what was given if it is one already."""
    found = getattr(model, "fitted_", model)
    if not isinstance(found, Fitted):
        raise TypeError(
            f"{verb} got a {type(model).__name__} that is not fitted, but needs a fitted autoencoder: call fit first."
        )
    return found


def some_rows(fitted: Fitted, X: Any, most: int) -> np.ndarray:
    """Up to so many rows of X, (n, \\*row) in user units, evenly spaced: rows often come sorted."""
    rows = fitted.schema.rows(X)
    if len(rows) <= most:
        return np.asarray(rows[:])
    which = np.linspace(0, len(rows) - 1, most).astype(int)
    if isinstance(rows, np.ndarray):
        return rows[which]
    return np.concatenate([np.asarray(rows[int(i) : int(i) + 1]) for i in which])


def plain_labels(y: Any) -> np.ndarray:
    """y as an array of what it holds, which frames and lists may wrap in objects; of what has gaps as it is."""
    found = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if found.dtype != object or any(_missing(label) for label in found.ravel()):
        return found
    return np.array(found.tolist())


def _missing(label: Any) -> bool:
    """None, NaN, NaT, and pandas' NA, which is not even told whether it differs from itself."""
    try:
        return label is None or bool(label != label)
    except TypeError:
        return True


def is_real(values: np.ndarray) -> bool:
    """Whether labels (n,) or (n, k) are numbers, not classes: numbers with fractions, several columns of them,
    and whole numbers more than half of which differ."""
    from sklearn.utils.multiclass import type_of_target  # here, because it takes half a second

    if values.dtype.kind not in "iuf":
        return False
    if values.ndim == 2 and values.shape[1] > 1:
        return True
    with warnings.catch_warnings():  # of many classes, which is what is asked here
        warnings.simplefilter("ignore")
        if type_of_target(values.ravel()) == "continuous":
            return True
    return len(values) > 20 and len(np.unique(values)) > len(values) / 2
