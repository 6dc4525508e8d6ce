"""The Fréchet distance of two sets of rows: how unlike samples are what they should be like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from narrows.baseline import principal
from narrows.inputs import _checks

WIDE = 1024  # features up to which they are compared as they are
COMPONENTS = 256  # that wider rows are compared in

Features = Callable[[Any], Any]


def frechet(a: Any, b: Any, features: Features | None = None) -> float:
    """Squared Fréchet distance of Gaussians fitted to the rows of a and of b: 0 if they agree in mean and
    covariance, in squared units of the features.

    ‖μₐ − μ_b‖² + tr(Σₐ + Σ_b − 2 (Σₐ Σ_b)^½)  (Dowson & Landau 1982, equation 4; of features of a
    classifier it is the FID of Heusel et al. 2017).

    ``features``  what maps rows to features (n, k) to be compared, for instance the ``transform`` of a
                  fitted autoencoder or a classifier's last layer; distances by different ones do not
                  compare.  None compares the numbers of a row as they are, beyond 1,024 of them the 256
                  leading principal components of a.

    Few rows make the distance too large, the more so the more features there are: compare only distances of
    equally many rows.

    >>> a = np.random.default_rng(0).normal(size=(1000, 2))
    >>> round(frechet(a, a + [3.0, 4.0]), 6)
    25.0
    """
    x, y = (_features(rows, name, features) for rows, name in ((a, "a"), (b, "b")))
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"The features of a have {x.shape[1]} columns, those of b {y.shape[1]}, but as many were expected: pass"
            " rows of one kind."
        )
    if features is None and x.shape[1] > WIDE:
        plane = principal(x, COMPONENTS, seed=0)
        x, y = ((rows - plane.mean) @ plane.components.T for rows in (x, y))
    return frechet_of_moments(*_moments(x), *_moments(y))


def frechet_of_moments(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """The same of two Gaussians, means (k,) and covariances (k, k).

    The trace of the root is the sum of the roots of the eigenvalues of the symmetric
    Σₐ^½ Σ_b Σₐ^½, which has those of Σₐ Σ_b: no root of a matrix that is nearly singular is taken.
    """
    values, axes = np.linalg.eigh(covariance_a)
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0)).sum()
    apart = float(np.square(mean_a - mean_b).sum())
    return max(0.0, apart + float(np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared))


def _features(rows: Any, name: str, features: Features | None) -> np.ndarray:
    if features is not None and not callable(features):
        raise TypeError(
            f"features is a {type(features).__name__}, but a function from rows to their features (n, k) was expected:"
            " pass one, or None for the rows themselves."
        )
    found = rows if features is None else features(rows)
    found = _checks.numeric(found.detach().cpu() if isinstance(found, torch.Tensor) else found, name)
    if found.ndim < 2 or len(found) < 2:
        raise ValueError(
            f"{name} has features of shape {found.shape}, but at least 2 rows of some were expected: pass (n, k)."
        )
    _checks.nonempty(found, name)
    flat = found.reshape(len(found), -1).astype(np.float64)
    _checks.finite(flat, name=name)
    return flat


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return rows.mean(0), np.atleast_2d(np.cov(rows, rowvar=False))
