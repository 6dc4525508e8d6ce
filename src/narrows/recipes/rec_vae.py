"""A variational recommender with a prior that remembers."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import Alternating, Dense
from narrows.bottlenecks import Gaussian
from narrows.estimators import Autoencoder
from narrows.inputs import Counts
from narrows.penalties import RowRate
from narrows.priors import Composite
from narrows.recipes._compose import Keywords, Size, compose


def rec_vae(
    latent_dim: Size = 200,
    *,
    gamma: float = 0.005,
    hidden: int = 600,
    layers: int = 5,
    noise: float = 0.5,
    weights: tuple[float, float, float] = (0.15, 0.75, 0.1),
    encoder: int = 3,
    decoder: int = 1,
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """What users like, of what others with similar histories like: for rows of clicks or purchases.

    max E_q[ln p(x|z)] − γ·Σⱼxⱼ·KL(q(z|x) ‖ p(z|x)) with a multinomial likelihood, the ``weights`` of the
    composite prior those of N(0, I), the old posterior and a wide Gaussian; ``layers`` densely connected layers
    of ``hidden`` units and a linear decoder; ``encoder`` epochs of the encoder, which does not see a share
    ``noise`` of its input, then ``decoder`` of the decoder.  Shenbin, Alekseev, Tutubalina, Malykh & Nikolenko
    2020, "RecVAE: a new variational autoencoder for top-N recommendations with implicit feedback".

    >>> rec_vae(gamma=0.01).penalties
    (RowRate(weight=0.01),)
    """
    return compose(
        latent_dim,
        keywords,
        input=Counts(transform="l2"),
        backbone=Alternating(Dense(hidden, layers), encoder, decoder, dropout=noise),
        bottleneck=Gaussian(beta=0.0, prior=Composite(weights, every=encoder + decoder)),
        penalties=(RowRate(gamma),),
    )
