"""Rectangles cut out of images, as context encoders are trained (Pathak et al. 2016, section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform


@dataclass(frozen=True)
class Holes:
    """Each image loses a rectangle at a random place, in all of its channels, each signal a stretch of
    time, each vector a run of entries: a model learns to fill holes.

    ``size``  each side of the hole is a random share of the row's, between size² and ``size``.
    ``mark``  what stands in the hole, in scaled units: a value that no pixel has tells the model where it
              is.  Where rows may have missing values the hole is missing.

    >>> Holes(0.4)
    Holes(size=0.4, mark=-1.0)
    """

    size: float = 0.5
    mark: float = -1.0

    def __post_init__(self) -> None:
        if not 0 <= self.size <= 1:
            raise ValueError(f"Holes got size={self.size!r}, but needs a share of a side: pass 0 ≤ size ≤ 1.")
        if not (isinstance(self.mark, Real) and math.isfinite(self.mark)):
            raise ValueError(f"Holes got mark={self.mark!r}, but needs a finite number: pass -1.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Holes(self.size, float("nan") if shapes.missing else float(self.mark))


class _Holes(nn.Module):
    def __init__(self, size: float, mark: float):
        super().__init__()
        self.size, self.mark = size, mark

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        sides = range(2 if x.ndim > 2 else 1, x.ndim)
        drawn = uniform(x.new_empty(len(x), 2 * len(sides)), gen)
        hole = torch.ones_like(x[:, :1] if x.ndim > 2 else x, dtype=torch.bool)
        for i, axis in enumerate(sides):
            inside = self._between(
                drawn[:, 2 * i : 2 * i + 1], drawn[:, 2 * i + 1 : 2 * i + 2], x.shape[axis]
            )
            hole = hole & inside.view(len(x), *(x.shape[axis] if a == axis else 1 for a in range(1, x.ndim)))
        return torch.where(hole, torch.full_like(x, self.mark), x)

    def _between(self, length: Tensor, place: Tensor, side: int) -> Tensor:
        """(batch, side): which entries of a side are in the hole; ``length`` and ``place`` are random, (batch, 1)."""
        share = self.size**2 + (self.size - self.size**2) * length
        length = (side * share).round()
        first = (place * (side - length + 1)).floor()
        at = torch.arange(side, device=length.device, dtype=length.dtype)[None]
        return (at >= first) & (at < first + length)
