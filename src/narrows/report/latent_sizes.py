"""What PCA loses at every latent size: the curve that a model stands beside."""

from __future__ import annotations

import numpy as np

from narrows.baseline import principal
from narrows.fitted import Fitted
from narrows.inputs.design import design

ROWS = 4096  # more would move the curve by less than its line is wide
ENTRIES = 1 << 23  # numbers in them
SIZES = 12  # points of the curve


def linear_curve(fitted: Fitted, rows: np.ndarray) -> list[tuple[int, float]]:
    """(size, share of the variance that is lost) of PCA for sizes below and above the model's.

    Up to the model's size the components are those of the training rows, as in ``evaluate``.  Larger ones were
    not kept: they are learned from one half of what is left of these rows and tried on the other, and the
    other way round.
    """
    levels = fitted.schema.levels
    row = rows.shape[1:]
    width = fitted.baseline.mean.size
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS, max(8, ENTRIES // width))).astype(int)]
    flat = design(fitted.affine.forward(few, fitted.dtype).numpy().astype(np.float64), levels)
    left = np.where(np.isnan(flat), 0.0, flat - fitted.baseline.mean)
    number = np.concatenate([np.full(max(k, 1), k == 0) for k in levels]) if levels else np.full(width, True)
    unit = np.ones(width) if levels else np.square(np.broadcast_to(fitted.affine.scale, row)).ravel()
    there = ~np.isnan(flat) & number
    spread = _by_column(flat - np.nanmean(np.where(there, flat, 0.0), axis=0), there)

    def lost(errors: np.ndarray) -> float:
        """As ``evaluate`` counts it: of tables, whose columns have units of their own, the columns' mean."""
        if levels:
            return float((errors[spread > 0] / spread[spread > 0]).mean()) if (spread > 0).any() else np.nan
        return float((errors * unit).sum() / ((spread * unit).sum() or np.nan))

    own = len(fitted.baseline.components)
    found, before = [], 0
    for size in _grid(1, own):
        basis = fitted.baseline.components[before:size]
        left = left - (left @ basis.T) @ basis
        found.append((size, lost(_by_column(left, there))))
        before = size
    halves = [np.arange(start, len(left), 2) for start in (0, 1)]
    most = min(width, len(left) // 2 - 1, max(64, 4 * own))
    if not own or most <= own or found[-1][1] <= 0:
        return [pair for pair in found if pair[1] > 0]
    bases = [principal(left[half], most - own, fitted.seed).components for half in halves[::-1]]
    larger = _grid(own, min(most, own + min(map(len, bases))))[1:]
    before = 0
    for size in larger:
        for half, basis in zip(halves, bases, strict=True):
            more = basis[before : size - own]
            left[half] -= (left[half] @ more.T) @ more
        found.append((size, lost(_by_column(left, there))))
        before = size - own
    return [pair for pair in found if np.isfinite(pair[1]) and pair[1] > 1e-12]


def _by_column(left: np.ndarray, there: np.ndarray) -> np.ndarray:
    return np.square(left, where=there, out=np.zeros(left.shape)).sum(0)


def _grid(first: int, last: int) -> list[int]:
    """Sizes from ``first`` to ``last``, evenly apart on a scale of ratios.

    >>> _grid(1, 8)
    [1, 2, 3, 4, 5, 7, 8]
    """
    return sorted({round(size) for size in np.geomspace(first, last, SIZES)}) if last >= first else []
