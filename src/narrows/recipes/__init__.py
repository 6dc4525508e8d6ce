"""Models of the literature: each a function that composes the five choices and returns a plain,
unfitted :class:`~narrows.estimators.Autoencoder`.

Every recipe takes ``latent_dim``, arguments of its own (conveniences that set parts) and any
keyword of ``Autoencoder``, which wins over the recipe's choice.
"""

from narrows.recipes.convolutional import convolutional, convolutional_variational, denoising_convolutional
from narrows.recipes.dense import contractive, deep, denoising, linear, undercomplete, vanilla
from narrows.recipes.discrete import finite_scalar, rate_distortion, vector_quantised
from narrows.recipes.probabilistic import beta_variational, variational
from narrows.recipes.rec_vae import rec_vae
from narrows.recipes.recommending import ease, ease_hybrid, edlae, mult_dae, mult_vae
from narrows.recipes.sparse import concrete, kl_sparse, sparse, topk

__all__ = [
    "beta_variational",
    "concrete",
    "contractive",
    "convolutional",
    "convolutional_variational",
    "deep",
    "denoising",
    "denoising_convolutional",
    "ease",
    "ease_hybrid",
    "edlae",
    "finite_scalar",
    "kl_sparse",
    "linear",
    "mult_dae",
    "mult_vae",
    "rate_distortion",
    "rec_vae",
    "sparse",
    "topk",
    "undercomplete",
    "vanilla",
    "variational",
    "vector_quantised",
]
