"""Recipes with a prior over codes."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import MLP
from narrows.bottlenecks import Gaussian
from narrows.estimators import Autoencoder
from narrows.likelihoods import Normal
from narrows.recipes._compose import Keywords, Size, compose


def variational(
    latent_dim: Size = "auto", *, hidden: tuple[int, ...] = (512, 256), **keywords: Unpack[Keywords]
) -> Autoencoder:
    """A probabilistic model: codes are Gaussian, close to a standard normal, and can be drawn.

    For generating rows, smooth latent maps, and scores that are bounds on log p(x).

    max E_q[ln p(x|z)] − KL(q(z|x) ‖ N(0, I)), the noise variance learned.  Kingma & Welling 2014,
    "Auto-encoding variational Bayes"; Rybkin et al. 2021 for the learned variance.

    >>> variational(latent_dim=16).bottleneck.beta
    1.0
    """
    return beta_variational(latent_dim, beta=1.0, hidden=hidden, **keywords)


def beta_variational(
    latent_dim: Size = "auto",
    *,
    beta: float = 4.0,
    hidden: tuple[int, ...] = (512, 256),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A variational model that pays β for every nat of its code: fewer, more separate factors.

    β grows from 0 over the first third of training where it exceeds 1: at once it would empty the
    code before there is anything in it.

    max E_q[ln p(x|z)] − β·KL(q ‖ p).  Higgins et al. 2017, "β-VAE"; Bowman et al. 2016 for the
    warm-up.

    >>> beta_variational(beta=4).bottleneck.beta
    4
    """
    return compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden, activation="silu"),
        bottleneck=Gaussian(beta=beta, warmup=1 / 3 if beta > 1 else 0.0),
        likelihood=Normal(variance="shared", mean="auto"),
    )
