"""Which inputs a code depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.tasks._given import fitted_of, some_rows
from narrows.tasks.encode import encode

ROWS = 1000  # that slopes are averaged over, at most
CHUNK = 250  # rows whose slopes are taken together
USUAL = 2 / np.pi**0.5  # mean distance of two draws of a standard-normal number


def importance(model: Any, X: Any, *, per_latent: bool = False) -> np.ndarray:
    """How much each feature moves the code of a fitted autoencoder, (n_features,), or, ``per_latent``, each
    number in it, (latent_dim, n_features).

    Of latent i and a feature j that is a number it is the mean of |∂zᵢ/∂xⱼ| · sd(xⱼ) / sd(zᵢ) over up to 1,000
    rows of X: by how many of its standard deviations the latent moves when the feature moves by one of its
    own.  Of a category it is the mean of |Δzᵢ| / sd(zᵢ) when each row gets another row's, over the mean distance
    2/√π of two standard-normal numbers, by which the two agree for a linear code of such numbers.  Without
    ``per_latent`` it is the mean over latents.  A latent that never moves counts as 0.

    Saliency by gradients: Simonyan, Vedaldi & Zisserman 2014, "Deep inside convolutional networks"; by
    permutation: Breiman 2001, "Random forests", section 10.

    >>> import narrows as nw
    >>> X = np.random.default_rng(0).normal(size=(300, 3)) @ np.diag([3.0, 1.0, 0.01])
    >>> ae = nw.recipes.linear(1, scale=None, max_epochs=30).fit(X)
    >>> int(importance(ae, X).argmax())
    0
    """
    fitted = fitted_of(model, "importance")
    rows = some_rows(fitted, X, ROWS)
    if len(rows) < 2:
        raise ValueError("importance got one row, but needs rows that differ: pass at least two.")
    codes = encode(fitted, rows).astype(np.float64)
    unit = codes.std(0)
    moves = unit > 1e-9 * (1 + np.abs(codes).max(0))
    scaled = fitted.affine.forward(rows, fitted.dtype)
    spread = np.nanstd(scaled.numpy().astype(np.float64), axis=0).reshape(-1)
    found = _slopes(fitted, scaled) * spread
    for j in np.flatnonzero(fitted.schema.levels or ()):
        found[:, j] = _swapped(fitted, rows, codes, int(j)) / USUAL
    found = np.where(moves[:, None], found / np.where(moves, unit, 1.0)[:, None], 0.0)
    return found if per_latent else found.mean(0)


def _slopes(fitted: Fitted, scaled: Tensor) -> np.ndarray:
    """The mean of |∂zᵢ/∂xⱼ| over scaled rows, (latent_dim, features)."""
    net = fitted.net
    total = torch.zeros(fitted.latent_dim, net.shapes.features, dtype=torch.float64)
    with torch.enable_grad():
        for part in scaled.to(fitted.device).split(CHUNK):
            x = part.clone().requires_grad_()
            code = net.encode(x).mean.flatten(1)
            for i in range(fitted.latent_dim):
                (slope,) = torch.autograd.grad(code[:, i].sum(), x, retain_graph=True, allow_unused=True)
                if slope is not None:
                    total[i] += slope.abs().flatten(1).nan_to_num(0.0).double().sum(0).cpu()
    return total.numpy() / len(scaled)


def _swapped(fitted: Fitted, rows: np.ndarray, codes: np.ndarray, j: int) -> np.ndarray:
    """The mean of |Δzᵢ| over pairs of rows when column j of the one is that of the other, (latent_dim,)."""
    others = rows.copy()
    others[:, j] = np.roll(np.random.default_rng(fitted.seed).permuted(rows[:, j]), 1)
    return np.abs(encode(fitted, others) - codes).mean(0)
