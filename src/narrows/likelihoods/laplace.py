"""Absolute error as a density: the robust cousin of the Normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.likelihoods._location import MEANS, SPREADS, Location, check_choice
from narrows.numerics import uniform


@dataclass(frozen=True)
class Laplace:
    """p(x|out) = exp(−|x−m|/b)/(2b): |x−m|/b + ln 2b nats per entry; outliers weigh less than
    under a Normal.

    ``scale``  b: "unit", "shared" (learned) or "feature" (learned per feature).
    ``mean``   the location's link: "identity", "sigmoid" for data in [0, 1], or "auto": sigmoid
               where rows turn out to be intensities in [0, 1].

    >>> Laplace()
    Laplace(scale='unit', mean='identity')
    """

    scale: str = "unit"
    mean: str = "identity"
    channels = 1

    def __post_init__(self) -> None:
        check_choice("Laplace", "scale", self.scale, SPREADS)
        check_choice("Laplace", "mean", self.mean, MEANS)

    @property
    def unit(self) -> bool:
        """Whether it can only explain values in [0, 1]."""
        return self.mean == "sigmoid"

    def build(self, shapes: Shapes) -> nn.Module:
        return _Laplace(shapes, self.mean, self.scale)


class _Laplace(Location):
    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        m = self.mean(out)
        error = (self.filled(x, m) - m).abs()
        if self.theta is None:
            return self.observed(x, error + math.log(2))
        b = self.variance() ** 0.5
        return self.observed(x, error / b + (2 * b).log())

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        m = self.mean(out)
        u = uniform(m, gen).clamp(min=1e-7) - 0.5  # inverse distribution function: −b sgn(u) ln(1 − 2|u|)
        return m - u.sign() * (-2 * u.abs()).log1p() * self.variance() ** 0.5
