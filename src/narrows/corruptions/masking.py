"""Masking noise (Vincent et al. 2008, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform


@dataclass(frozen=True)
class Masking:
    """Each entry is dropped with probability ``p``: set to missing where the input knows missing
    values, else to 0 (the mean under ``scale="standard"``).

    >>> Masking(0.25)
    Masking(p=0.25)
    """

    p: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"Masking noise got p={self.p!r}, but needs a probability: pass 0 ≤ p ≤ 1.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Masking(self.p, float("nan") if shapes.missing else 0.0)


class _Masking(nn.Module):
    def __init__(self, p: float, fill: float):
        super().__init__()
        self.p, self.mark = p, fill

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        return x.masked_fill(uniform(x, gen) < self.p, self.mark)
