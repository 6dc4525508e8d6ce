"""Recipes of dense layers with plain codes."""

from __future__ import annotations

from typing import Unpack

from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.estimators import Autoencoder
from narrows.likelihoods import Normal
from narrows.penalties import Contractive
from narrows.recipes._compose import Keywords, Size, compose


def linear(latent_dim: Size = "auto", **keywords: Unpack[Keywords]) -> Autoencoder:
    """A linear encoder and decoder under squared error: its optimum spans the plane of PCA.

    Use it to see what a nonlinear model has to beat.

    x̂ = W₂(W₁x + b₁) + b₂.  Baldi & Hornik 1989, "Neural networks and principal component
    analysis: learning from examples without local minima".

    >>> linear(latent_dim=2).backbone
    MLP(hidden=(), activation='relu', dropout=0.0, tied=False, input_dropout=0.0, sparse=False)
    """
    return compose(latent_dim, keywords, backbone=MLP(hidden=()), likelihood=Normal())


def vanilla(latent_dim: Size = 32, **keywords: Unpack[Keywords]) -> Autoencoder:
    """The tutorials' model: one ReLU layer in, one sigmoid layer out, squared error on [0, 1].

    On 784 inputs in [0, 1] it is Dense(32, relu) → Dense(784, sigmoid); with
    ``likelihood="bernoulli"`` the same under cross-entropy.

    x̂ = σ(W₂ relu(W₁x + b₁) + b₂).  Rumelhart, Hinton & Williams 1986, "Learning internal
    representations by error propagation".

    >>> vanilla(latent_dim=32).likelihood
    Normal(variance='unit', mean='sigmoid')
    """
    return compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden=()),
        bottleneck=Deterministic(activation="relu"),
        likelihood=Normal(mean="sigmoid"),
    )


def undercomplete(latent_dim: Size = "auto", **keywords: Unpack[Keywords]) -> Autoencoder:
    """One hidden layer each side of a linear code that is smaller than the input.

    The plain nonlinear alternative to PCA, for tables and other vectors of moderate size.

    x̂ = g(f(x)), f: ℝᵈ → ℝᵏ, k < d.  Goodfellow, Bengio & Courville 2016, "Deep Learning",
    section 14.1.

    >>> undercomplete(latent_dim=4).backbone.hidden
    (128,)
    """
    return compose(latent_dim, keywords, backbone=MLP(hidden=(128,)))


def deep(
    latent_dim: Size = "auto", *, hidden: tuple[int, ...] = (512, 256), **keywords: Unpack[Keywords]
) -> Autoencoder:
    """Several hidden layers each side of a linear code.

    The choice for images as vectors and other data with much structure and many rows.

    x̂ = g₁(g₂(… f₂(f₁(x)))).  Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data
    with neural networks".

    >>> deep(latent_dim=32).backbone.hidden
    (512, 256)
    """
    return compose(latent_dim, keywords, backbone=MLP(hidden, activation="silu"))


def denoising(
    latent_dim: Size = 256,
    *,
    noise: float = 0.5,
    hidden: tuple[int, ...] = (512, 256),
    **keywords: Unpack[Keywords],
) -> Autoencoder:
    """Gaussian noise goes in, the clean row is asked for: removes noise and learns robust features.

    The noise, not the size of the code, keeps it from learning the identity: a wide code denoises
    better than a narrow one (0.26 dB on Fashion-MNIST between 64 and 256).

    ``noise`` is its standard deviation in scaled units (1 is the whole range of a pixel, or the
    standard deviation of a column); for another kind pass ``corruption=``.

    min E‖x − g(f(x̃))‖², x̃ ~ N(x, noise²I).  Vincent et al. 2010, "Stacked denoising
    autoencoders".

    >>> denoising(noise=0.5).corruption
    Gaussian(std=0.5)
    """
    return compose(
        latent_dim, keywords, corruption=GaussianNoise(noise), backbone=MLP(hidden, activation="silu")
    )


def contractive(
    latent_dim: Size = "auto", *, weight: float = 0.1, **keywords: Unpack[Keywords]
) -> Autoencoder:
    """One sigmoid layer whose code hardly moves when the input does; encoder and decoder share
    their weights.

    Features that keep only the directions along which the data vary.

    min ½‖x − x̂‖² + weight·‖∂z/∂x‖²_F.  Rifai et al. 2011, "Contractive auto-encoders".

    >>> contractive().penalties
    (Contractive(weight=0.1, probes=None),)
    """
    return compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden=(), tied=True),
        bottleneck=Deterministic(activation="sigmoid"),
        penalties=(Contractive(weight),),
    )
