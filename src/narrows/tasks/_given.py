"""What functions of a fitted model take in its place: an estimator that holds one."""

from __future__ import annotations

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
