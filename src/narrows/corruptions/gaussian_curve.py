"""Gaussian noise whose variance goes with the signal, as that of light and of radar does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import normal


@dataclass(frozen=True)
class GaussianCurve:
    """x̃ = x + α·√(v(x) / (1 + c))·ε, ε ~ N(0, I), with v(s) = a + b·s + c·s²; nothing where that is negative.

    Made for rows that are noisy already, by noise of variance v(s) where the signal is s: then the variance
    of what is added is α²·v(s) on average, although s is unknown, for E[v(x)] = v(s) + c·v(s).  So all noise
    with a quadratic variance function is met, such as Poisson's (a = c = 0) and speckle (a = b = 0): Morris
    1982, "Natural exponential families with quadratic variance functions".  With ``penalties.Recorrupted`` of
    the same α it teaches to denoise, up to moments of the noise beyond the second: Monroy, Bacca & Tachella
    2024, "Generalized recorrupted-to-recorrupted".

    ``alpha``  how much noise is added, in standard deviations of what is there.
    ``curve``  (a, b, c), in scaled units.

    >>> GaussianCurve(0.5, (0.0, 0.1, 0.0))
    GaussianCurve(alpha=0.5, curve=(0.0, 0.1, 0.0))
    """

    alpha: float = 0.5
    curve: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not self.alpha >= 0:
            raise ValueError(
                f"GaussianCurve got alpha={self.alpha!r}, but needs alpha ≥ 0: pass 0 for no noise."
            )
        curve = tuple(float(number) for number in self.curve)
        if len(curve) != 3 or not curve[2] > -1:
            raise ValueError(
                f"GaussianCurve got curve={self.curve!r}, but needs three numbers, the last above -1: pass (a, b, c)"
                " of the variance a + b·s + c·s²."
            )
        object.__setattr__(self, "curve", curve)

    def build(self, shapes: Shapes) -> nn.Module:
        return _GaussianCurve(self, shapes)


class _GaussianCurve(nn.Module):
    def __init__(self, part: GaussianCurve, shapes: Shapes):
        super().__init__()
        self.alpha, self.curve = part.alpha, part.curve
        numbers = None if shapes.levels is None else torch.tensor([float(k == 0) for k in shapes.levels])
        self.register_buffer("numbers", numbers)

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        a, b, c = self.curve
        variance = ((a + b * x + c * x.square()) / (1 + c)).clamp(min=0)
        added = self.alpha * variance.sqrt() * normal(x, gen)
        return x + (added if self.numbers is None else added * self.numbers)
