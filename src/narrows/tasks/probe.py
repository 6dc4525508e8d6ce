"""What a linear model can read off the codes: the usual test of a representation (Alain & Bengio 2017)."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from narrows.fitted import Fitted
from narrows.inputs.design import design
from narrows.tasks._given import fitted_of, is_real, plain_labels
from narrows.tasks.chosen import some
from narrows.tasks.encode import encode

MOST = 10_000  # rows that are probed
FOLDS = 5


def probe(ae: Any, X: Any, y: Any) -> dict[str, float]:
    """Cross-validated scores of a linear model from codes of X to y, with PCA's beside them.

    ``probe_accuracy``, ``pca_probe_accuracy``  of logistic regression, where y holds classes (text, truth
        values, whole numbers that repeat);
    ``probe_r2``, ``pca_probe_r2``  of ridge regression, where y holds other numbers.

    ``ae``  a fitted autoencoder.
    ``y``   one label per row, (n,).

    Five folds, by the model's seed, on at most 10,000 rows drawn by it; codes are standardised.  PCA has as
    many components as codes have numbers, learned from the model's training rows.

    >>> import narrows as nw
    >>> X, y = nw.datasets.digits().x_test, nw.datasets.digits().y_test
    >>> ae = nw.recipes.linear(8).fit(X.reshape(-1, 64))
    >>> 0.75 < probe(ae, X.reshape(-1, 64), y)["probe_accuracy"] < 0.95
    True
    """
    fitted = fitted_of(ae, "probe")
    rows = fitted.schema.rows(X)
    return probe_rows(fitted, rows, labels_for(rows, y))


def labels_for(rows: Any, y: Any) -> np.ndarray:
    """y as one label per row, (n,)."""
    labels = plain_labels(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(rows),):
        raise ValueError(
            f"y has shape {labels.shape}, but one label for each of {len(rows)} rows was expected."
        )
    if labels.dtype.kind not in "biufUS" or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):
        raise ValueError(
            f"y holds labels of dtype {labels.dtype}, some missing or neither text nor finite numbers: pass one label"
            " per row, and only rows that have one."
        )
    return labels


def probe_rows(fitted: Fitted, rows: Any, y: np.ndarray) -> dict[str, float]:
    """:func:`probe` of checked rows (n, \\*row) and labels (n,)."""
    rows, which = some(rows, MOST, fitted.seed)
    y = y[which]
    score, name = (_regression, "probe_r2") if is_real(y) else (_classification, "probe_accuracy")
    return {
        name: score(encode(fitted, rows).astype(np.float64), y, fitted.seed),
        f"pca_{name}": score(principal_codes(fitted, rows), y, fitted.seed),
    }


def flat_rows(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Scaled rows (n, features) as linear methods see them: categories one-hot, gaps at the mean."""
    flat = design(fitted.affine.forward(rows, fitted.dtype).numpy().astype(np.float64), fitted.schema.levels)
    return np.where(np.isnan(flat), fitted.baseline.mean, flat)


def principal_codes(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """PCA's codes of rows, (n, components), of the size of the model's where there are so many."""
    components = fitted.baseline.components[: fitted.latent_dim]
    return (flat_rows(fitted, rows) - fitted.baseline.mean) @ components.T


def _classification(codes: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Share of right answers; classes of a single row are left out, NaN where fewer than two are left."""
    from sklearn.linear_model import LogisticRegression  # here and below, because they take half a second
    from sklearn.model_selection import StratifiedKFold

    _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    kept = counts[numbers] > 1
    if (counts > 1).sum() < 2:
        return math.nan
    folds = StratifiedKFold(min(FOLDS, int(counts[counts > 1].min())), shuffle=True, random_state=seed)
    return _cross_validated(LogisticRegression(max_iter=1000), folds, codes[kept], numbers[kept])


def _regression(codes: np.ndarray, y: np.ndarray, seed: int) -> float:
    """R²; NaN for fewer than four rows."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold

    if len(y) < 4:
        return math.nan
    folds = KFold(min(FOLDS, len(y) // 2), shuffle=True, random_state=seed)
    return _cross_validated(Ridge(), folds, codes, y)


def _cross_validated(model: Any, folds: Any, codes: np.ndarray, y: np.ndarray) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that is nearly done will do
        return float(cross_val_score(make_pipeline(StandardScaler(), model), codes, y, cv=folds).mean())
