"""Additive Gaussian noise (Vincent et al. 2010, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import normal


@dataclass(frozen=True)
class Gaussian:
    """x̃ = x + std·ε, ε ~ N(0, I), on the numbers of a row; categories are left alone.

    ``std`` is in scaled units (1 is a feature's standard deviation under ``scale="standard"``,
    its whole range under ``"minmax"``).

    >>> Gaussian(0.5)
    Gaussian(std=0.5)
    """

    std: float = 0.1

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise ValueError(f"Gaussian noise got std={self.std!r}, but needs std ≥ 0: pass 0 for no noise.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Gaussian(self.std, shapes)


class _Gaussian(nn.Module):
    def __init__(self, std: float, shapes: Shapes):
        super().__init__()
        self.std = std
        scale = None
        if shapes.levels is not None:
            scale = torch.tensor([float(std) if k == 0 else 0.0 for k in shapes.levels])
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        return x + normal(x, gen) * (self.std if self.scale is None else self.scale)
