"""The linear baseline: PCA of the training rows, kept with every model so that its figures
always have something to stand beside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

ROWS = 20_000  # more rows move a principal plane by less than models differ by
EXACT = 2_000  # up to this many features every variance is computed, beyond it the leading ones


@dataclass(frozen=True, eq=False)
class Baseline:
    """Principal components of scaled rows, flattened to (n, features).

    ``components`` (k, features) orthonormal, ``variances`` (k,) descending, ``noise`` the mean
    variance of the directions left out (the σ² of probabilistic PCA; Tipping & Bishop 1999,
    equation 8).
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    noise: float

    def reconstruct(self, rows: np.ndarray) -> np.ndarray:
        """Rows projected onto the principal plane; NaN is taken for the mean."""
        rows = np.where(np.isnan(rows), self.mean, rows)
        return (rows - self.mean) @ self.components.T @ self.components + self.mean

    def nll(self, rows: np.ndarray) -> np.ndarray:
        """−ln p(row) under probabilistic PCA, (n,) nats, in scaled units; −inf if nothing is left out."""
        d, k = self.mean.size, len(self.components)
        if k >= d or self.noise <= 0:
            return np.full(len(rows), -math.inf)
        centred = rows - self.mean
        codes = centred @ self.components.T
        # (W Wᵀ + σ²I)⁻¹ by eigenvalues: the plane's directions have their variance, the rest σ².
        spread = np.maximum(self.variances, self.noise)
        inside = (codes**2 / spread).sum(1)
        outside = np.maximum((centred**2).sum(1) - (codes**2).sum(1), 0) / self.noise
        log_det = np.log(spread).sum() + (d - k) * math.log(self.noise)
        return 0.5 * (inside + outside + log_det + d * math.log(2 * math.pi))


def principal(rows: np.ndarray, k: int | None, seed: int) -> Baseline:
    """PCA of up to 20,000 of the scaled training rows (n, \\*row), with 1/n variances; NaN is filled
    with its column's mean.

    ``k=None`` keeps enough components for 95% of the variance, between 2 and 64.
    """
    flat = rows.reshape(len(rows), -1)
    if len(flat) > ROWS:
        flat = flat[np.random.default_rng(seed).choice(len(flat), ROWS, replace=False)]
    n, d = flat.shape
    # Centred in float64 first: sums of squares would lose what stands beside a large mean.
    gaps = np.isnan(flat)
    if gaps.any():
        mean = np.nan_to_num(np.nansum(flat, 0, dtype=np.float64) / np.maximum((~gaps).sum(0), 1))
        flat = np.where(gaps, mean.astype(flat.dtype), flat)
    mean = flat.mean(0, dtype=np.float64)
    if n == 1:
        return Baseline(mean, np.zeros((0, d)), np.zeros(0), 0.0)
    flat = flat - (mean if d <= 64 else mean.astype(flat.dtype))
    variances, components = _by_covariance(flat) if d <= min(n, EXACT) else _by_library(flat, k, seed)
    total = float(np.einsum("ij,ij->", flat, flat, dtype=np.float64)) / n
    if k is None:
        share = np.cumsum(variances) / max(total, 1e-300)
        k = int(np.clip(np.searchsorted(share, 0.95) + 1, 2, 64))
    k = min(k, len(variances))
    # What is left out, by itself where it is known: a difference would lose it beside large variances.
    left = float(variances[k:].sum()) if len(variances) == d else total - float(variances[:k].sum())
    noise = max(left, 0.0) / max(d - k, 1)
    return Baseline(mean, components[:k], variances[:k], noise)


def _by_covariance(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All variances and components of centred rows, largest first, by way of their covariance: for
    many rows of moderate width five times faster than scikit-learn's, and a fit waits for it."""
    x, threads = torch.from_numpy(flat), torch.get_num_threads()
    torch.set_num_threads(1)  # more gain little here, and lose tenfold where the cores are busy
    try:
        variances, axes = torch.linalg.eigh((x.T @ x).double() / len(x))
    finally:
        torch.set_num_threads(threads)
    components = axes.T.flip(0)
    largest = components.abs().argmax(1, keepdim=True)
    components = components * components.gather(1, largest).sign()  # either sign would do: take one
    return variances.flip(0).clamp(min=0).numpy(), components.to(x.dtype).numpy()


def _by_library(flat: np.ndarray, k: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for few or wide rows; of wide ones only the leading components."""
    # Imported here: it would be half of what `import narrows` adds to torch's time.
    from sklearn.decomposition import PCA

    n, d = flat.shape
    solver, count = ("full", min(n, d)) if d <= EXACT else ("randomized", min(n, d, 64 if k is None else k))
    with np.errstate(invalid="ignore"):  # constant rows have no variance to take shares of
        pca = PCA(n_components=count, svd_solver=solver, random_state=seed).fit(flat)
    return np.maximum(pca.explained_variance_, 0) * (n - 1) / n, pca.components_
