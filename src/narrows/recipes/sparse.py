"""Recipes whose codes are mostly zero, or columns that they pick."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import MLP, Concrete
from narrows.bottlenecks import Deterministic, TopK
from narrows.estimators import Autoencoder
from narrows.penalties import L1, KLSparsity
from narrows.recipes._compose import Keywords, Size, compose


def sparse(latent_dim: Size = 256, *, l1: float = 0.1, **keywords: Unpack[Keywords]) -> Autoencoder:
    """An overcomplete ReLU code of which an L1 penalty leaves few units active per row.

    Features that can be read one by one; ``l1`` weighs against the squared error summed over
    features (see :class:`~narrows.penalties.L1` for what other frameworks call it).

    min ½‖x − x̂‖² + l1·Σⱼ|zⱼ|.  Olshausen & Field 1996, "Emergence of simple-cell receptive field
    properties by learning a sparse code"; Goodfellow et al. 2016, section 14.2.1.

    >>> sparse(l1=1e-5).penalties
    (L1(weight=1e-05),)
    """
    return compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden=()),
        bottleneck=Deterministic(activation="relu"),
        penalties=(L1(l1),),
    )


def kl_sparse(
    latent_dim: Size = 256, *, target: float = 0.05, weight: float = 0.1, **keywords: Unpack[Keywords]
) -> Autoencoder:
    """A sigmoid code whose units are each active ``target`` of the time.

    Unlike L1 it asks for the same small activity of every unit, so that none dies.

    min ½‖x − x̂‖² + weight·Σⱼ KL(target ‖ ρ̂ⱼ).  Ng 2011, "Sparse autoencoder" (CS294A notes).

    >>> kl_sparse().penalties
    (KLSparsity(weight=0.1, target=0.05),)
    """
    return compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden=()),
        bottleneck=Deterministic(activation="sigmoid"),
        penalties=(KLSparsity(weight, target),),
    )


def topk(
    latent_dim: Size = 256, *, k: int = 25, alpha: float = 1.0, **keywords: Unpack[Keywords]
) -> Autoencoder:
    """Exactly ``k`` active units per row: sparsity as a constraint, with no weight to tune.

    The strongest sparse features for a later classifier, which may get ``alpha`` times as many.

    z = topₖ(Wx + b).  Makhzani & Frey 2014, "k-sparse autoencoders".

    >>> topk(latent_dim=1568, k=78).bottleneck
    TopK(k=78, alpha=1.0)
    """
    return compose(latent_dim, keywords, backbone=MLP(hidden=()), bottleneck=TopK(k, alpha))


def concrete(
    latent_dim: Size = 20,
    *,
    k: int | None = None,
    hidden: tuple[int, ...] = (256,),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """Picks the columns from which all others are best made again: feature selection without labels.

    ``transform`` gives the picked columns, scaled, ``get_feature_names_out`` their names,
    ``nw.tasks.selected`` their numbers.  ``k``: how many, another name of ``latent_dim``; ``hidden``:
    the decoder's layers.

    z = M x, each row of M a column's indicator, relaxed in training.  Balın, Abid & Zou 2019, "Concrete
    autoencoders: differentiable feature selection and reconstruction".

    >>> concrete(k=50).latent_dim
    50
    """
    return compose(latent_dim if k is None else k, keywords, backbone=Concrete(hidden))
