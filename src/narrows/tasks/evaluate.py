"""How good a model is on given rows, with PCA beside it."""

from __future__ import annotations

import math

import numpy as np

from narrows.fitted import Fitted
from narrows.tasks.decode import reconstruct
from narrows.tasks.runner import CHUNK
from narrows.tasks.score import nll_and_rate


def evaluate(fitted: Fitted, rows: np.ndarray) -> dict[str, float]:
    """Figures for rows (n, \\*row); errors in the user's units, likelihoods in nats per row.

    ``mse``        mean squared error per entry.
    ``r2``         share of the rows' variance that the reconstruction explains.
    ``nll``, ``rate``, ``score``  reconstruction nll, code rate, and −(nll + rate).
    ``pca_mse``, ``pca_r2``  the same of PCA with as many components, learned from the training rows.
    ``pca_nll``    nll of probabilistic PCA, the linear Gaussian model with as many latents: what
                   ``−score`` must beat under a Normal likelihood (NaN when PCA leaves nothing out).
    """
    pair = nll_and_rate(fitted, rows)
    errors, pca_errors, spread, pca_nll = 0.0, 0.0, 0.0, 0.0
    centre = rows.mean(0, dtype=np.float64)
    # In pieces: the float64 copies below are several times the rows' own size.
    for start in range(0, len(rows), 16 * CHUNK):
        part = rows[start : start + 16 * CHUNK]
        x = part.astype(np.float64)
        scaled = fitted.affine.forward(part, fitted.dtype).numpy().reshape(len(part), -1).astype(np.float64)
        linear = (
            fitted.baseline.reconstruct(scaled).reshape(part.shape) * fitted.affine.scale
            + fitted.affine.shift
        )
        errors += float(np.square(reconstruct(fitted, part) - x).sum())
        pca_errors += float(np.square(linear - x).sum())
        spread += float(np.square(x - centre).sum())
        pca_nll += float(fitted.baseline.nll(scaled).sum())
    jacobian = fitted.affine.log_jacobian(fitted.net.shapes.row)
    return {
        "mse": errors / rows.size,
        "r2": 1 - errors / spread if spread else math.nan,
        "nll": float(pair[:, 0].mean()),
        "rate": float(pair[:, 1].mean()),
        "score": -float(pair.sum(1).mean()),
        "pca_mse": pca_errors / rows.size,
        "pca_r2": 1 - pca_errors / spread if spread else math.nan,
        "pca_nll": pca_nll / len(rows) + jacobian if math.isfinite(pca_nll) else math.nan,
    }
