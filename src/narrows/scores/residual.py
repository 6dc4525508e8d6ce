"""How odd what the reconstruction leaves is, beside what it usually leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.explain import residuals

WIDE = 1000  # features up to which the residuals' covariances are learned, not their variances alone
ROWS = 20_000  # that they are learned from, at most
FLOOR = 1e-3  # share of the mean variance below which no direction's variance is believed


@dataclass(frozen=True)
class Residual:
    """The squared Mahalanobis distance rᵀ Σ⁻¹ r of the residual r = x − x̂ from 0, Σ the second moments of
    residuals of usual rows, shrunk towards their diagonal.

    A plain squared error weighs every feature alike; this knows which of them are usually reconstructed
    well, and which errors usually come together.  Feature j contributes rⱼ(Σ⁻¹r)ⱼ.
    Σ: Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".

    >>> Residual()
    Residual()
    """

    distance = True

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        from sklearn.covariance import ledoit_wolf

        step = -(-len(rows) // ROWS)
        left = residuals(fitted, np.asarray(rows[::step]))
        scale = np.sqrt(np.square(left).mean(0))
        scale = np.maximum(scale, FLOOR * max(float(np.sqrt(np.square(scale).mean())), 1e-12))
        if left.shape[1] > WIDE or len(left) < 2:
            return {"scale": scale}
        covariance, _ = ledoit_wolf(left / scale, assume_centered=True)
        variances, axes = np.linalg.eigh(covariance)
        variances = np.maximum(variances, FLOOR * max(variances.mean(), 1e-12))
        return {"scale": scale, "precision": (axes / variances) @ axes.T}

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        return self.parts(fitted, rows, learned).sum(1)

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        left = residuals(fitted, rows) / learned["scale"]
        return left * (left @ learned["precision"]) if "precision" in learned else np.square(left)
