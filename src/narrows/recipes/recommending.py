"""Recipes for rows that say which items a user has: the next ones are those that become likely."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import MLP, ItemItem
from narrows.bottlenecks import Deterministic, Gaussian
from narrows.corruptions import Masking
from narrows.estimators import Autoencoder
from narrows.inputs import Counts
from narrows.likelihoods import Multinomial
from narrows.recipes._compose import Keywords, Size, compose


def mult_dae(
    latent_dim: Size = 200, *, noise: float = 0.5, hidden: tuple[int, ...] = (), **keywords: Unpack[Keywords]
) -> Autoencoder:
    """Half of a user's items go in, all of them are asked for: a denoising model of what goes with what.

    ``noise`` is the share of the items that is left out.

    −Σⱼ xⱼ ln softmaxⱼ(W₂ tanh(W₁ drop(x/‖x‖))).  Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for
    collaborative filtering", Mult-DAE.

    >>> mult_dae(latent_dim=64).backbone.input_dropout
    0.5
    """
    return compose(
        latent_dim,
        keywords,
        input=Counts(transform="l2"),
        backbone=MLP(hidden, activation="tanh", input_dropout=noise),
        bottleneck=Deterministic(activation="tanh"),
        likelihood=Multinomial(),
        batch_size=128,
        learning_rate=1e-3,
        weight_decay=0.01,
    )


def mult_vae(
    latent_dim: Size = 200,
    *,
    beta: float = 0.2,
    warmup: float = 0.5,
    noise: float = 0.5,
    hidden: tuple[int, ...] = (600,),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A variational model of what goes with what: preferences are codes near a standard normal.

    The weight of the KL term grows from 0 to ``beta`` over the share ``warmup`` of all training steps, across epochs.

    E_q[Σⱼ xⱼ ln softmaxⱼ(f(z))] − β·KL(q(z|drop(x/‖x‖)) ‖ N(0, I)).  Liang, Krishnan, Hoffman & Jebara 2018,
    "Variational autoencoders for collaborative filtering", equation 7.

    >>> mult_vae(latent_dim=64).bottleneck.beta
    0.2
    """
    return compose(
        latent_dim,
        keywords,
        input=Counts(transform="l2"),
        backbone=MLP(hidden, activation="tanh", input_dropout=noise, sparse=bool(hidden)),
        bottleneck=Gaussian(beta=beta, warmup=warmup),
        likelihood=Multinomial(),
        batch_size=128,
        learning_rate=1e-3,
    )


def ease(latent_dim: Size = 64, *, l2: float = 100.0, **keywords: Unpack[Keywords]) -> Autoencoder:
    """The best linear map from a user's items to each other item, in closed form, no training.

    Scores are xB exactly.  B is (items, items): memory and time grow with the square and the cube of how many
    items there are, whichever is fewer of items and users.  ``l2``: 100 for hundreds of users, 500 for many thousands.

    Steck 2019, "Embarrassingly shallow autoencoders for sparse data".

    >>> ease(l2=200).backbone.l2
    200
    """
    return edlae(latent_dim, l2=l2, dropout=0.0, **keywords)


def edlae(
    latent_dim: Size = 64, *, l2: float = 100.0, dropout: float = 0.25, **keywords: Unpack[Keywords]
) -> Autoencoder:
    """The linear map that a denoising model would learn from all ways to drop a share of the items: EASE that holds
    popular items back more.

    Steck 2020, "Autoencoders that don't overfit towards the identity".

    >>> edlae(dropout=0.5).backbone.dropout
    0.5
    """
    return compose(
        latent_dim,
        keywords,
        input=Counts(transform="none"),
        backbone=ItemItem(l2, dropout),
        likelihood=Multinomial(),
        validation_fraction=0.0,
        precision="float64",
    )


def ease_hybrid(
    latent_dim: Size = 64,
    *,
    l2: float = 100.0,
    dropout: float = 0.25,
    noise: float = 0.5,
    hidden: tuple[int, ...] = (200,),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """A linear map in closed form and a network beside it, trained end to end.

    a·ln s(xB + Dz) + g(z), see :class:`narrows.backbones.ItemItem`: it begins at the sum of two linear models, Steck's
    (2020) and weighted least squares (Hu, Koren & Volinsky 2008), and the network learns what they leave.

    >>> ease_hybrid().backbone.network
    MLP(hidden=(200,), activation='tanh', dropout=0.0, tied=False, input_dropout=0.0, sparse=True)
    """
    return compose(
        latent_dim,
        keywords,
        input=Counts(transform="none"),
        corruption=Masking(noise),
        backbone=ItemItem(l2, dropout, MLP(hidden, activation="tanh", sparse=bool(hidden))),
        likelihood=Multinomial(),
        max_epochs=40,
        batch_size=128,
        learning_rate=1e-3,
    )
