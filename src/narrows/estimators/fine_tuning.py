"""One call from a fitted autoencoder and labels to a classifier or a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.estimators.classifier import Classifier
from narrows.estimators.regressor import Regressor
from narrows.tasks._given import is_real, plain_labels


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
    y = plain_labels(y)
    if y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "biuf" and _one_hot(y):
        raise ValueError(
            f"y of shape {y.shape} holds one 1 per row, classes one-hot, but one label per row was expected: pass"
            " y.argmax(1)."
        )
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


def _one_hot(y: np.ndarray) -> bool:
    return bool(np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all())


__all__ = ["fine_tune"]
