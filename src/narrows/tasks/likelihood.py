"""log p(x) by importance weights: a tighter bound than the ELBO (Burda, Grosse & Salakhutdinov 2016)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.net import Net
from narrows.numerics import LOG_2PI
from narrows.tasks._given import fitted_of
from narrows.tasks.chosen import whole
from narrows.tasks.chunks import through
from narrows.tasks.posterior import posterior, random

ENTRIES = 1 << 21  # numbers that are decoded at once


def log_likelihood(ae: Any, X: Any, k: int = 500) -> np.ndarray:
    """log p(x) of each row of X, (n,) nats in the user's units, bounded from below by ``k`` draws.

    L_k = ln 1/k Σᵢ p(x|zᵢ) p(zᵢ) / q(zᵢ|x), zᵢ ~ q(z|x): the ELBO on average for k = 1, higher for more
    draws, and never above log p(x) on average (Burda et al. 2016, "Importance weighted autoencoders",
    equation 8 and theorem 1).  k = 500 is within some tenths of a nat on MNIST; time grows with k.

    ``ae``  a fitted autoencoder whose codes are random: ``bottleneck="gaussian"``.

    A row's draws come from the model's seed and the row itself: its answer depends neither on its neighbours
    nor on batches, errors of different rows have nothing to do with each other, and the first draws of a
    larger k are those of a smaller.

    >>> import narrows as nw
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> ae = nw.recipes.variational(latent_dim=2, max_epochs=2).fit(X)
    >>> nw.tasks.log_likelihood(ae, X, k=50).shape
    (200,)
    """
    fitted = fitted_of(ae, "log_likelihood")
    return log_likelihood_rows(fitted, fitted.schema.rows(X), whole("k", k))


def log_likelihood_rows(fitted: Fitted, rows: np.ndarray, k: int) -> np.ndarray:
    """:func:`log_likelihood` of checked rows (n, \\*row)."""
    net = fitted.net
    if not random(fitted):
        raise ValueError(
            "log_likelihood got a model whose codes are no draws from a distribution, but needs one: pass"
            " bottleneck='gaussian' when it is made, or use score_samples."
        )
    if net.side is not None:
        raise ValueError(
            f"log_likelihood got a model whose decoder also sees its {net.side}, but needs one that explains rows by"
            " their codes alone: use score_samples."
        )
    bounds = through(fitted, rows, lambda x: importance_bound(net, x, k, fitted.seed)).astype(np.float64)
    if net.likelihood.continuous:
        bounds -= fitted.affine.log_jacobian(net.shapes.row, rows if fitted.schema.missing else None)
    return bounds


def importance_bound(net: Net, x: Tensor, k: int, seed: int) -> Tensor:
    """ln of the mean of k importance weights of each scaled row x, (batch,), float64."""
    mean, logvar = posterior(net, x)
    std, spread = (0.5 * logvar).exp(), 0.5 * logvar.flatten(1).sum(1)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    size = max(1, ENTRIES // (len(x) * net.shapes.features))
    often = x.expand(min(size, k), *x.shape).flatten(0, 1)
    for e in draws(x, mean.shape[1:], k, size, seed):
        z = (mean + std * e).flatten(0, 1)
        log_joint = net.bottleneck.prior.log_prob(z) - net.row_nll(net.decode(z), often[: len(z)])
        log_q = -0.5 * (e.square() + LOG_2PI).flatten(2).sum(2) - spread
        total = torch.logaddexp(total, (log_joint.view(log_q.shape) - log_q).double().logsumexp(0))
    return total - math.log(k)


def draws(x: Tensor, code: tuple[int, ...], k: int, size: int, seed: int) -> Iterator[Tensor]:
    """k standard-normal draws for each row x, (…, batch, \\*code), at most ``size`` at a time; those of equal
    rows are equal."""
    # NumPy's generators: their numbers do not depend on how many are asked for at once, as torch's do.
    given = x.cpu().numpy()
    gens = [np.random.default_rng([seed, zlib.crc32(row.tobytes())]) for row in given]
    for start in range(0, k, size):
        shape = (min(size, k - start), *code)
        yield torch.from_numpy(np.stack([g.standard_normal(shape, given.dtype) for g in gens], 1)).to(
            x.device
        )
