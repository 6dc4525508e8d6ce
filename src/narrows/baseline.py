"""The linear baseline: PCA of the training rows, kept with every model so that its figures
always have something to stand beside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
        """Rows projected onto the principal plane."""
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
    """PCA of up to 20,000 of the scaled training rows (n, \\*row), with 1/n variances.

    ``k=None`` keeps enough components for 95% of the variance, between 2 and 64.
    """
    # Imported here: it would be half of what `import narrows` adds to torch's time.
    from sklearn.decomposition import PCA

    flat = rows.reshape(len(rows), -1)
    if len(flat) > ROWS:
        flat = flat[np.random.default_rng(seed).choice(len(flat), ROWS, replace=False)]
    n, d = flat.shape
    full = min(n, d)
    if d <= EXACT:
        solver, count = ("covariance_eigh" if n >= d else "full"), full
    else:
        solver, count = "randomized", min(full, 64 if k is None else k)
    # Centred in float64 first: the solver's sums of squares would lose what stands beside a large mean.
    mean = flat.mean(0, dtype=np.float64)
    if n == 1:
        return Baseline(mean, np.zeros((0, d)), np.zeros(0), 0.0)
    flat = (flat - mean).astype(np.float64 if d <= 64 else flat.dtype)
    with np.errstate(invalid="ignore"):  # constant rows have no variance to take shares of
        pca = PCA(n_components=count, svd_solver=solver, random_state=seed).fit(flat)
    variances = np.maximum(pca.explained_variance_, 0) * (n - 1) / n
    total = float(flat.var(axis=0).sum())
    if k is None:
        share = np.cumsum(variances) / max(total, 1e-300)
        k = int(np.clip(np.searchsorted(share, 0.95) + 1, 2, 64))
    k = min(k, count)
    noise = max(total - float(variances[:k].sum()), 0.0) / max(d - k, 1)
    return Baseline(mean, pca.components_[:k], variances[:k], noise)
