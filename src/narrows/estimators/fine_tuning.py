"""One call from a fitted autoencoder and labels to a classifier or a regressor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from narrows.estimators.classifier import Classifier
from narrows.estimators.regressor import Regressor


def fine_tune(
    ae: Any,
    X: Any,
    y: Any,
    *,
    layer: int | str = "auto",
    max_epochs: int = 100,
    learning_rate: float | str = "auto",
    freeze: bool = False,
    validation_fraction: float = 0.1,
    patience: int | None = 20,
    random_state: Any = 0,
) -> Classifier | Regressor:
    """A fitted :class:`Classifier` or, where y is real-valued, :class:`Regressor` that starts from the encoder
    of ``ae``, which stays as it is; parameters are theirs.

    Real-valued are numbers with fractions, several columns of numbers, and whole numbers more than half of
    which differ; for other whole numbers that are no classes, as counts, use ``nw.Regressor(ae).fit(X, y)``.

    >>> from sklearn.datasets import load_digits
    >>> import narrows as nw
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = nw.recipes.denoising(32, hidden=(64,), max_epochs=3).fit(X)
    >>> fine_tune(ae, X[:100], y[:100].astype(str), max_epochs=5).predict(X[:1])
    array(['0'], dtype='<U21')
    """
    kind = Regressor if is_real(y) else Classifier
    return kind(
        ae,
        layer=layer,
        max_epochs=max_epochs,
        learning_rate=learning_rate,
        freeze=freeze,
        validation_fraction=validation_fraction,
        patience=patience,
        random_state=random_state,
    ).fit(X, y)


def is_real(y: Any) -> bool:
    """Whether y is numbers, not classes."""
    values = np.asarray(y)
    if values.dtype.kind not in "iuf":
        return False
    if values.ndim == 2 and values.shape[1] > 1:
        return True
    with warnings.catch_warnings():  # of many classes, which is what is asked here
        warnings.simplefilter("ignore")
        if type_of_target(values.ravel()) == "continuous":
            return True
    return len(values) > 20 and len(np.unique(values)) > len(values) / 2


__all__ = ["fine_tune"]
