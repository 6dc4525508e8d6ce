"""Holes in images, filled."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.fitted import Fitted
from narrows.inputs import gaps
from narrows.tasks.impute import expectation


def inpaint(fitted: Any, X: Any, mask: Any) -> np.ndarray:
    """Images X with what the model expects where ``mask`` is True; all other pixels as they are, bit for bit.

    ``fitted``  a fitted autoencoder of images.  One trained with ``corruptions.Holes`` sees where holes are
                and fills them at once (Pathak et al. 2016); any other sees them filled with the mean image,
                then with what it expects there, and so on until that changes no more.
    ``X``       images as it was fitted on, (n, height, width[, channels]) or flat; in holes anything, NaN too.
    ``mask``    of X's shape; or without its channels, or (height, width), the same hole in all.

    >>> import narrows as nw
    >>> rng = np.random.default_rng(0)
    >>> X = np.tile(rng.random((50, 1, 8)), (1, 8, 1)) * 0.5  # columns of one brightness each
    >>> ae = nw.recipes.linear(8, max_epochs=60, input="images").fit(X)
    >>> mask = np.zeros((8, 8), bool)
    >>> mask[2:5, 2:5] = True
    >>> filled = inpaint(ae, X[:3], mask)
    >>> bool(np.array_equal(filled[:, ~mask], X[:3][:, ~mask]))
    True
    """
    model = getattr(fitted, "fitted_", fitted)
    if not isinstance(model, Fitted):
        raise TypeError(
            f"inpaint got a {type(fitted).__name__} that is not fitted, but needs a fitted autoencoder: call fit first."
        )
    if model.schema.missing or len(model.schema.row) != 3:
        raise ValueError(
            f"inpaint got a model of rows of shape {model.schema.row}, but fills holes in images: pass a model that was"
            " fitted on images, or use nw.Imputer for tables."
        )
    X = np.asarray(X)
    holes = _like(np.asarray(mask), X, getattr(model.schema, "layout", "none"))
    holed = np.where(holes, np.nan, X if X.dtype.kind == "f" else X.astype(np.float64))
    rows = np.asarray(gaps.rows(model.schema, holed))
    if not holes.any():
        return X.copy()
    filled = model.schema.restore(expectation(model, rows).reshape(rows.shape), like=X)
    answer = X.copy()
    answer[holes] = filled[holes]
    return answer


def _like(mask: np.ndarray, X: np.ndarray, layout: str) -> np.ndarray:
    """The mask in X's shape."""
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"mask of dtype {mask.dtype} holds more than 0 and 1, but True where a pixel is missing was expected."
        )
    mask = mask.astype(bool)
    image = X.shape[2:] if layout == "first" else X.shape[1:3]
    if X.ndim == 4 and mask.shape == (len(X), *image):
        mask = mask[:, None] if layout == "first" else mask[..., None]
    elif mask.shape == image:
        mask = mask[None, ..., None] if layout == "last" else mask
    elif mask.shape != X.shape:
        raise ValueError(
            f"mask has shape {mask.shape} and X {X.shape}, but one of X's shape was expected, without its channels,"
            f" or {image}: pass True where a pixel is missing."
        )
    return np.broadcast_to(mask, X.shape)
