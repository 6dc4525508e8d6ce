"""The standard normal prior of the variational autoencoder (Kingma & Welling 2014)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import LOG_2PI, gaussian_kl, normal


@dataclass(frozen=True)
class StandardNormal:
    """p(z) = N(0, I); its divergence from a diagonal Gaussian has a closed form."""

    def build(self, shapes: Shapes) -> nn.Module:
        return _StandardNormal(shapes.code)


class _StandardNormal(nn.Module):
    def __init__(self, code: tuple[int, ...]):
        super().__init__()
        self.register_buffer("origin", torch.zeros(code))

    def kl(self, mean: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q ‖ p) per dimension, (batch, \\*code), nats; exact, so the sample z is not used."""
        return gaussian_kl(mean, logvar)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), (batch,), nats."""
        return -0.5 * (z.square() + LOG_2PI).flatten(1).sum(1)

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes, (n, \\*code)."""
        return normal(self.origin.expand(n, *self.origin.shape), gen)
