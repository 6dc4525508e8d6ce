"""How far is the reconstruction: p(x | decoder output), in nats."""

from narrows.likelihoods.bernoulli import Bernoulli
from narrows.likelihoods.categorical import Categorical
from narrows.likelihoods.laplace import Laplace
from narrows.likelihoods.mixed import Mixed
from narrows.likelihoods.normal import Normal

__all__ = ["Bernoulli", "Categorical", "Laplace", "Mixed", "Normal"]
