"""Additive Gaussian noise of many strengths (Zhang et al. 2018, "FFDNet", section III-C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import normal, uniform


@dataclass(frozen=True)
class GaussianRange:
    """x̃ = x + s·ε, ε ~ N(0, I), with s ~ U(low, high) drawn for every row; categories are left alone.

    ``high``, ``low``  in scaled units, as for :class:`Gaussian`.
    ``features``       what s is multiplied by, for each entry of a row's first axis (column, channel).
    ``told``           the row gets one channel more, which holds the level √(base² + s²), for a
                       backbone that reads it: ``backbones.Residual(told=True)``.
    ``base``           standard deviation of the noise that rows have already.

    >>> GaussianRange(0.5)
    GaussianRange(high=0.5, low=0.0, features=None, told=False, base=0.0)
    """

    high: float = 0.5
    low: float = 0.0
    features: tuple[float, ...] | None = None
    told: bool = False
    base: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(
                f"GaussianRange got low={self.low!r} and high={self.high!r}, but needs 0 ≤ low ≤ high: pass the least"
                " and the largest standard deviation."
            )
        if self.features is not None:
            object.__setattr__(self, "features", tuple(float(f) for f in self.features))

    def build(self, shapes: Shapes) -> nn.Module:
        return _GaussianRange(self, shapes)


class _GaussianRange(nn.Module):
    def __init__(self, part: GaussianRange, shapes: Shapes):
        super().__init__()
        self.low, self.high, self.told, self.base = part.low, part.high, part.told, part.base
        scale = None
        if part.features is not None or shapes.levels is not None:
            scale = torch.tensor(part.features or (1.0,)).expand(shapes.row[0]).clone()
            for i, k in enumerate(shapes.levels or ()):
                scale[i] *= k == 0
            scale = scale.view(-1, *[1] * (len(shapes.row) - 1))
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        one = (slice(None), *[slice(0, 1)] * (x.ndim - 1))
        s = self.low + (self.high - self.low) * uniform(x[one], gen)
        noise = normal(x, gen) * s
        noisy = x + (noise if self.scale is None else noise * self.scale)
        if not self.told:
            return noisy
        level = (s.square() + self.base**2).sqrt()
        return torch.cat([noisy, level.expand(-1, 1, *x.shape[2:])], 1)
