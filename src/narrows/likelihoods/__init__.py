"""How far is the reconstruction: p(x | decoder output), in nats."""

from narrows.likelihoods.bernoulli import Bernoulli
from narrows.likelihoods.laplace import Laplace
from narrows.likelihoods.normal import Normal

__all__ = ["Bernoulli", "Laplace", "Normal"]
