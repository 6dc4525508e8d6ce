"""Recipes whose codes are symbols, to be stored."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import MLP, Principal
from narrows.bottlenecks import FSQ, VQ, Factorised
from narrows.estimators import Autoencoder
from narrows.likelihoods import Normal
from narrows.recipes._compose import Keywords, Size, compose


def rate_distortion(
    latent_dim: Size = "auto",
    *,
    beta: float = 0.01,
    hidden: tuple[int, ...] = (256,),
    classes: int = 1,
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """For compression: codes are integers, and training minimises error and stored bits together.

    It begins as PCA with a uniform quantiser and an entropy coder.  ``beta`` is the squared error, halved, that
    a nat is worth in scaled units: less of it means more bits and less error.  ``classes`` of rows may have
    distributions of their own.  Let ``latent_dim`` be generous: what is not worth its bits costs next to none.

    min ½‖x − x̂‖² − β·Σⱼ ln p(kⱼ).  Ballé, Laparra & Simoncelli 2017, "End-to-end optimized image
    compression"; Ballé et al. 2018 for p.

    >>> rate_distortion(beta=0.05).bottleneck
    Factorised(beta=0.05, rounding=True, classes=1)
    """
    return compose(
        latent_dim,
        keywords,
        backbone=Principal(hidden),
        bottleneck=Factorised(beta, rounding=True, classes=classes),
        likelihood=Normal(),
        learning_rate=1e-3,  # steps that move codes by less than they are rounded
    )


def vector_quantised(
    latent_dim: Size = 32,
    *,
    codes: int = 256,
    groups: int = 8,
    hidden: tuple[int, ...] = (512, 256),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A code of ``groups`` symbols, each the number of one of ``codes`` learned vectors.

    Rows become short sequences of discrete tokens, for models of sequences and for storage.

    min ½‖x − x̂‖² + ‖sg[y] − e‖² + ¼‖y − sg[e]‖².  van den Oord, Vinyals & Kavukcuoglu 2017, "Neural discrete
    representation learning".

    >>> vector_quantised(codes=512).bottleneck
    VQ(codes=512, groups=8, commitment=0.25)
    """
    return compose(
        latent_dim, keywords, backbone=MLP(hidden, activation="silu"), bottleneck=VQ(codes, groups)
    )


def finite_scalar(
    latent_dim: Size = 32,
    *,
    levels: tuple[int, ...] = (8, 5, 5, 5),
    hidden: tuple[int, ...] = (512, 256),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """Symbols as those of ``vector_quantised``, on a fixed grid: every number of the code is rounded to one of
    ``levels``, and nothing about the symbols has to be learned.

    Mentzer et al. 2023, "Finite scalar quantization: VQ-VAE made simple".

    >>> finite_scalar().bottleneck
    FSQ(levels=(8, 5, 5, 5))
    """
    return compose(latent_dim, keywords, backbone=MLP(hidden, activation="silu"), bottleneck=FSQ(levels))
