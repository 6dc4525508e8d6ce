"""Models of the literature: each a function that composes the five choices and returns a plain,
unfitted :class:`~narrows.estimators.Autoencoder`.

Every recipe takes ``latent_dim``, arguments of its own (conveniences that set parts) and any
keyword of ``Autoencoder``, which wins over the recipe's choice.
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from narrows.backbones import MLP, Concrete, Conv2d, Principal
from narrows.bottlenecks import FSQ, VQ, Deterministic, Factorised, Gaussian, TopK
from narrows.corruptions import Gaussian as GaussianNoise
from narrows.estimators import Autoencoder
from narrows.likelihoods import Normal
from narrows.penalties import L1, Contractive, KLSparsity

__all__ = [
    "beta_variational",
    "concrete",
    "contractive",
    "convolutional",
    "convolutional_variational",
    "deep",
    "denoising",
    "denoising_convolutional",
    "finite_scalar",
    "kl_sparse",
    "linear",
    "rate_distortion",
    "sparse",
    "topk",
    "undercomplete",
    "vanilla",
    "variational",
    "vector_quantised",
]

Size = int | str


class Keywords(TypedDict, total=False):
    """The keywords of ``Autoencoder``."""

    input: Any
    scale: str | None
    corruption: Any
    backbone: Any
    bottleneck: Any
    likelihood: Any
    penalties: Any
    max_epochs: int
    batch_size: int | str
    learning_rate: float | str
    weight_decay: float
    patience: int | None
    validation_fraction: float
    callbacks: Any
    device: str
    precision: str
    random_state: Any
    verbose: int
    warm_start: bool
    conditional: bool


def _compose(latent_dim: Size, keywords: Keywords, **choices: Any) -> Autoencoder:
    """The recipe's choices, overruled by the caller's keywords."""
    return Autoencoder(latent_dim, **(choices | keywords))


def linear(latent_dim: Size = "auto", **keywords: Unpack[Keywords]) -> Autoencoder:
    """A linear encoder and decoder under squared error: its optimum spans the plane of PCA.

    Use it to see what a nonlinear model has to beat.

    x̂ = W₂(W₁x + b₁) + b₂.  Baldi & Hornik 1989, "Neural networks and principal component
    analysis: learning from examples without local minima".

    >>> linear(latent_dim=2).backbone
    MLP(hidden=(), activation='relu', dropout=0.0, tied=False)
    """
    return _compose(latent_dim, keywords, backbone=MLP(hidden=()), likelihood=Normal())


def vanilla(latent_dim: Size = 32, **keywords: Unpack[Keywords]) -> Autoencoder:
    """The tutorials' model: one ReLU layer in, one sigmoid layer out, squared error on [0, 1].

    On 784 inputs in [0, 1] it is Dense(32, relu) → Dense(784, sigmoid); with
    ``likelihood="bernoulli"`` the same under cross-entropy.

    x̂ = σ(W₂ relu(W₁x + b₁) + b₂).  Rumelhart, Hinton & Williams 1986, "Learning internal
    representations by error propagation".

    >>> vanilla(latent_dim=32).likelihood
    Normal(variance='unit', mean='sigmoid')
    """
    return _compose(
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
    return _compose(latent_dim, keywords, backbone=MLP(hidden=(128,)))


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
    return _compose(latent_dim, keywords, backbone=MLP(hidden, activation="silu"))


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
    return _compose(
        latent_dim, keywords, corruption=GaussianNoise(noise), backbone=MLP(hidden, activation="silu")
    )


def sparse(latent_dim: Size = 256, *, l1: float = 0.1, **keywords: Unpack[Keywords]) -> Autoencoder:
    """An overcomplete ReLU code of which an L1 penalty leaves few units active per row.

    Features that can be read one by one; ``l1`` weighs against the squared error summed over
    features (see :class:`~narrows.penalties.L1` for what other frameworks call it).

    min ½‖x − x̂‖² + l1·Σⱼ|zⱼ|.  Olshausen & Field 1996, "Emergence of simple-cell receptive field
    properties by learning a sparse code"; Goodfellow et al. 2016, section 14.2.1.

    >>> sparse(l1=1e-5).penalties
    (L1(weight=1e-05),)
    """
    return _compose(
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
    return _compose(
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
    return _compose(latent_dim, keywords, backbone=MLP(hidden=()), bottleneck=TopK(k, alpha))


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
    return _compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden=(), tied=True),
        bottleneck=Deterministic(activation="sigmoid"),
        penalties=(Contractive(weight),),
    )


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
    return _compose(latent_dim if k is None else k, keywords, backbone=Concrete(hidden))


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
    return _compose(
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
    return _compose(
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
    return _compose(latent_dim, keywords, backbone=MLP(hidden, activation="silu"), bottleneck=FSQ(levels))


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
    return _compose(
        latent_dim,
        keywords,
        backbone=MLP(hidden, activation="silu"),
        bottleneck=Gaussian(beta=beta, warmup=1 / 3 if beta > 1 else 0.0),
        likelihood=Normal(variance="shared", mean="auto"),
    )


def convolutional(
    latent_dim: Size = "auto", *, channels: tuple[int, ...] = (16, 32), **keywords: Unpack[Keywords]
) -> Autoencoder:
    """Strided convolutions to a small code and back, for images: (n, height, width[, channels]).

    Needs fewer parameters than dense layers and does not mind where in the picture a thing is.

    Masci et al. 2011, "Stacked convolutional auto-encoders".

    >>> convolutional(latent_dim=32).backbone.channels
    (16, 32)
    """
    return _compose(latent_dim, keywords, backbone=Conv2d(channels=channels))


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
    return _compose(latent_dim, keywords, corruption=GaussianNoise(noise), backbone=Conv2d(channels=channels))


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
    return _compose(
        latent_dim,
        keywords,
        backbone=Conv2d(channels=channels),
        bottleneck=Gaussian(beta=beta),
        likelihood=Normal(variance="shared", mean="auto"),
    )
