"""How far is the reconstruction: p(x | decoder output), in nats."""

from narrows.likelihoods.bernoulli import Bernoulli
from narrows.likelihoods.categorical import Categorical
from narrows.likelihoods.laplace import Laplace
from narrows.likelihoods.mixed import Mixed
from narrows.likelihoods.multinomial import Multinomial
from narrows.likelihoods.negative_binomial import NegativeBinomial
from narrows.likelihoods.normal import Normal
from narrows.likelihoods.poisson import Poisson

__all__ = [
    "Bernoulli",
    "Categorical",
    "Laplace",
    "Mixed",
    "Multinomial",
    "NegativeBinomial",
    "Normal",
    "Poisson",
]
