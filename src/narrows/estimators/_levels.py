"""How much noise rows have, judged from them alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from narrows.backbones import noise_level
from narrows.inputs.tiles import Tiles
from narrows.inputs.windows import Windows

LOOKS, SOME = 256, 4096  # pictures or signals, and rows of columns, whose noise is estimated, at most
MANY_COLUMNS = 100  # beyond which their noise is taken to be of one level
CLEAR = 1.02  # factor by which a component must stand out of shuffled columns
SMALL, MANY_ROWS = (
    512,
    8,
)  # entries of rows that are compared with each other, and rows for each entry, at least
ALIKE = 1.5  # columns whose levels differ by less than that factor have one


def estimated(rows: Any, schema: Any) -> float | np.ndarray | None:
    """The standard deviation of the noise in rows, in the user's units, of columns that differ in it one for
    each; None in tables with categories or gaps."""
    if schema.levels is not None or schema.missing:
        return None
    if len(schema.row) == 1:
        levels = of_columns(np.asarray(_look(rows), dtype=np.float64))
        together = float(np.sqrt(np.square(levels).mean()))
        return together if levels.max() <= ALIKE * levels.min() else levels
    found = float(np.median([of_thing(thing) for thing in things(rows)]))
    least = floor(rows)
    return found if least is None else min(found, least)


def floor(rows: Any) -> float | None:
    """Of small pictures or signals in great number, what no direction among them varies less than: noise of one
    level is in all of them, detail is not.  From the least eigenvalue of their covariance, which is σ²(1 − √(d/n))²
    of noise alone (Bai & Yin 1993); None where rows are too few for that."""
    if not isinstance(rows, np.ndarray) or rows[0].size > SMALL or len(rows) < MANY_ROWS * rows[0].size:
        return None
    flat = rows[evenly(len(rows), SOME)].reshape(-1, rows[0].size).astype(np.float64)
    n, d = flat.shape
    if n < MANY_ROWS * d:
        return None
    least = float(np.linalg.eigvalsh(np.cov(flat.T))[0])
    return math.sqrt(max(least, 0.0)) / (1 - math.sqrt(d / n))


def of_thing(thing: np.ndarray) -> float:
    """σ in one picture (channels, height, width) or signal (channels, time)."""
    return float(noise_level(torch.from_numpy(np.ascontiguousarray(thing, dtype=np.float64))[None])[0])


def things(rows: Any) -> Sequence[np.ndarray]:
    """What rows were cut from, (channels, …) each, some of all of it."""
    if isinstance(rows, Tiles):
        return [rows.photos[int(i)].transpose(2, 0, 1) for i in evenly(len(rows.sizes))]
    if isinstance(rows, Windows):
        return [np.asarray(rows.series[int(i)][:]).T for i in evenly(len(rows.series))]
    some = rows[:LOOKS] if not isinstance(rows, np.ndarray) else rows[evenly(len(rows))]
    # Small rows one below the other: few coefficients of each make many together.
    return [np.concatenate(list(some), axis=-1)] if np.prod(some.shape[2:]) < 1 << 14 else list(some)


def some_of(rows: Any) -> np.ndarray:
    """Up to ``LOOKS`` rows from all over."""
    return np.concatenate([rows[int(i) : int(i) + 1] for i in evenly(len(rows))])


def _look(rows: Any) -> np.ndarray:
    """Rows in memory; of those that are read on demand, some from all over."""
    n = len(rows)
    if isinstance(rows, np.ndarray) or n <= SOME:
        return rows[:]
    return np.concatenate([rows[a : a + LOOKS] for a in np.linspace(0, n - LOOKS, SOME // LOOKS).astype(int)])


def evenly(n: int, most: int = LOOKS) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def of_columns(X: np.ndarray) -> np.ndarray:
    """σ of the noise in each column, (d,): the uniquenesses of a factor analysis.

    As many factors as there are eigenvalues of the correlations above those of shuffled columns (Horn
    1965, "A rationale and test for the number of factors in factor analysis").  Of many columns, as of
    flat pictures, one σ for all: the median singular value over what it is of noise alone (Gavish &
    Donoho 2014, "The optimal hard threshold for singular values is 4/√3", section III-E).

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 30)) + 0.2 * rng.normal(size=(2000, 30))
    >>> bool(np.abs(of_columns(X * ([1, 1000] * 15)) / ([0.2, 200] * 15) - 1).max() < 0.1)
    True
    """
    X = X[evenly(len(X), SOME)]
    X = X - X.mean(0)
    (n, d), spread = X.shape, X.std(0)
    varies = spread > 0
    if n < 3 or varies.sum() < 2:
        return np.zeros(d)
    if d > MANY_COLUMNS:
        beta = min(n - 1, d) / max(n - 1, d)
        values = np.linalg.svd(X, compute_uv=False)[: min(n - 1, d)]
        return np.full(d, float(np.median(values)) / math.sqrt(median_of_noise(beta) * max(n - 1, d)))
    from sklearn.decomposition import FactorAnalysis
    from sklearn.exceptions import ConvergenceWarning

    Z = X[:, varies] / spread[varies]
    rng = np.random.default_rng(0)
    known, *shuffled = (
        np.linalg.eigvalsh(np.corrcoef(z.T))[::-1] for z in (Z, *(rng.permuted(Z, axis=0) for _ in range(5)))
    )
    above = int(np.cumprod(known > CLEAR * np.mean(shuffled, 0)).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        factors = FactorAnalysis(int(np.clip(above, 1, max(1, (Z.shape[1] - 1) // 2))), random_state=0).fit(Z)
    found = np.zeros(d)
    found[varies] = spread[varies] * np.sqrt(factors.noise_variance_)
    return found


def median_of_noise(beta: float) -> float:
    """The median of the Marchenko–Pastur law of ratio β ≤ 1, by its integral.

    >>> round(median_of_noise(1.0), 3)
    0.653
    """
    low, high = (1 - math.sqrt(beta)) ** 2, (1 + math.sqrt(beta)) ** 2
    # Equal steps of an angle, which take out the roots at both ends.
    angle = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    mass = np.cumsum(np.sin(angle) ** 2 / x)
    return float(x[np.searchsorted(mass, mass[-1] / 2)])
