"""How unusual a row is: each score is the sum of what its entries contribute."""

from narrows.scores.ellipsoid import Ellipsoid
from narrows.scores.latent import Latent
from narrows.scores.likelihood import NLL
from narrows.scores.neighbours import Neighbours
from narrows.scores.residual import Residual

__all__ = ["NLL", "Ellipsoid", "Latent", "Neighbours", "Residual"]
