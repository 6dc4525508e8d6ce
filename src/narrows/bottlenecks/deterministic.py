"""The plain code: a point, as in every undercomplete or sparse autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Shapes
from narrows.numerics import RANGES, check_activation


@dataclass(frozen=True)
class Deterministic:
    """z = φ(W h + b); linear by default, under- or overcomplete as ``latent_dim`` says.

    ``activation``: "relu", "sigmoid", "tanh" … or None for a linear code.

    >>> Deterministic(activation="relu")
    Deterministic(activation='relu')
    """

    activation: str | None = None

    def __post_init__(self) -> None:
        check_activation(self.activation)

    @property
    def unit(self) -> bool:
        """Whether codes lie in (0, 1)."""
        return self.activation == "sigmoid"

    def build(self, shapes: Shapes) -> nn.Module:
        return _Deterministic(shapes, self.activation)


class _Deterministic(nn.Module):
    def __init__(self, shapes: Shapes, phi: str | None):
        super().__init__()
        self.project = Projection(shapes, phi)
        self.range = RANGES.get(phi)

    def forward(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        z = self.project(h)
        return Code(z=z, mean=z, rate=None, loss={})

    def restrict(self, z: Tensor) -> Tensor:
        """The nearest code that the activation can make."""
        return z if self.range is None else z.clamp(*self.range)

    def jacobian_norm(self, h: Tensor) -> Tensor:
        return self.project.jacobian_norm(h)
