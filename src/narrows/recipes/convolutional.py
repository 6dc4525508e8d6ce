"""Recipes of convolutions, for pictures."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import Conv2d
from narrows.bottlenecks import Gaussian
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.estimators import Autoencoder
from narrows.likelihoods import Normal
from narrows.recipes._compose import Keywords, Size, compose


def convolutional(
    latent_dim: Size = "auto", *, channels: tuple[int, ...] = (16, 32), **keywords: Unpack[Keywords]
) -> Autoencoder:
    """Strided convolutions to a small code and back, for images: (n, height, width[, channels]).

    Needs fewer parameters than dense layers and does not mind where in the picture a thing is.

    Masci et al. 2011, "Stacked convolutional auto-encoders".

    >>> convolutional(latent_dim=32).backbone.channels
    (16, 32)
    """
    return compose(latent_dim, keywords, backbone=Conv2d(channels=channels))


def denoising_convolutional(
    latent_dim: Size = 256,
    *,
    noise: float = 0.5,
    channels: tuple[int, ...] = (16, 32),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A convolutional autoencoder that sees Gaussian noise of standard deviation ``noise`` (in
    units of the pixels' range) and is asked for the clean image.

    Vincent et al. 2010 and Masci et al. 2011.

    >>> denoising_convolutional(noise=0.3).corruption
    Gaussian(std=0.3)
    """
    return compose(latent_dim, keywords, corruption=GaussianNoise(noise), backbone=Conv2d(channels=channels))


def convolutional_variational(
    latent_dim: Size = "auto",
    *,
    beta: float = 1.0,
    channels: tuple[int, ...] = (16, 32),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A variational model with convolutional networks, for images.

    Kingma & Welling 2014, with the networks of Masci et al. 2011.

    >>> convolutional_variational(latent_dim=8).bottleneck.beta
    1.0
    """
    return compose(
        latent_dim,
        keywords,
        backbone=Conv2d(channels=channels),
        bottleneck=Gaussian(beta=beta),
        likelihood=Normal(variance="shared", mean="auto"),
    )
