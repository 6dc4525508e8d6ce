"""Squared error as a density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.likelihoods._location import MEANS, SPREADS, Location, check_choice
from narrows.likelihoods._rows import SquaredError
from narrows.numerics import LOG_2PI, normal


@dataclass(frozen=True)
class Normal:
    """p(x|out) = N(x; mean(out), σ²): ½((x−m)²/σ² + ln σ² + ln 2π) nats per entry.

    ``variance``  "unit" (σ = 1: training is least squares), "shared" (one learned σ) or "feature"
                  (one learned σ per feature).
    ``mean``      "identity", "sigmoid" for data in [0, 1], or "auto": sigmoid where rows turn out
                  to be intensities in [0, 1] (pixels), which then train in far fewer steps.

    >>> Normal(variance="shared")
    Normal(variance='shared', mean='identity')
    """

    variance: str = "unit"
    mean: str = "identity"
    channels = 1

    def __post_init__(self) -> None:
        check_choice("Normal", "variance", self.variance, SPREADS)
        check_choice("Normal", "mean", self.mean, MEANS)

    @property
    def unit(self) -> bool:
        """Whether it can only explain values in [0, 1]."""
        return self.mean == "sigmoid"

    def build(self, shapes: Shapes) -> nn.Module:
        return _Normal(shapes, self.mean, self.variance)


class _Normal(Location):
    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        m = self.mean(out)
        error = (self.filled(x, m) - m).square()
        if self.theta is None:
            return self.observed(x, 0.5 * error + 0.5 * LOG_2PI)
        v = self.variance()
        return self.observed(x, 0.5 * (error / v + v.log() + LOG_2PI))

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        if self.missing or (self.theta is not None and self.theta.ndim):
            return self.nll(out, x).flatten(1).sum(1)
        constant = 0.5 * math.prod(x.shape[1:]) * LOG_2PI
        if self.theta is None:
            return SquaredError.apply(out, x, self.unit, constant)[0]
        half, v = SquaredError.apply(out, x, self.unit, 0.0)[0], self.variance()
        return half / v + 0.5 * math.prod(x.shape[1:]) * v.log() + constant

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        m = self.mean(out)
        return m + normal(m, gen) * self.variance() ** 0.5
