"""PCA beside a codec's model: as coarse as the model errs."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.baseline import principal
from narrows.estimators._coders import Linear
from narrows.fitted import Fitted

STEPS = 24  # halvings in the search for a step
COMPONENTS = 256  # at most


def rival(fitted: Fitted, rows: np.ndarray, guess: np.ndarray, seed: int) -> Linear:
    """Principal components of ``rows``, (n, \\*row), whose rounding costs as much error as ``guess`` makes; without
    those that round to nothing in every row."""
    flat = scaled(rows, fitted.affine)
    few = principal(flat, min(COMPONENTS, flat.shape[1]), seed)
    # Kept in single precision, which is what files hold.
    mean, components = (np.asarray(a, np.float32).astype(np.float64) for a in (few.mean, few.components))
    away = np.square(scaled(guess, fitted.affine) - flat).mean()

    def made(step: float, k: int) -> Linear:
        return Linear(fitted.affine, mean, components[:k], step, fitted.net.shapes.row)

    low, high = 1e-4, 1e3  # scaled units
    for _ in range(STEPS):
        step = float(np.sqrt(low * high))
        linear = made(step, len(components))
        error = np.square(scaled(linear.guess(linear.symbols(rows)), fitted.affine) - flat).mean()
        low, high = (low, step) if error > away else (step, high)
    used = np.flatnonzero(made(low, len(components)).symbols(rows).any(0))
    return made(low, int(used[-1]) + 1 if len(used) else 1)


def stored(linear: Linear) -> dict[str, np.ndarray]:
    """Its numbers as files have them."""
    return {
        "pca.mean": linear.mean.astype(np.float32),
        "pca.components": linear.components.astype(np.float32),
    }


def restored(fitted: Fitted, arrays: dict[str, np.ndarray], step: float) -> Linear:
    """The inverse of :func:`stored`."""
    mean, components = (arrays[f"pca.{name}"].astype(np.float64) for name in ("mean", "components"))
    return Linear(fitted.affine, mean, components, step, fitted.net.shapes.row)


def scaled(rows: np.ndarray, affine: Any) -> np.ndarray:
    """Rows as the network sees them, flat, (n, features) float64."""
    return ((rows.astype(np.float64) - affine.shift) / affine.scale).reshape(len(rows), -1)
