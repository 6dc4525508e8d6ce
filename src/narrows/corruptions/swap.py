"""Swap noise: values of other rows (Jahrer 2017, Porto Seguro competition; after Vincent et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform


@dataclass(frozen=True)
class Swap:
    """Each entry is replaced with probability ``p`` by the same column's value in another row of the
    batch: noise that keeps every column's own distribution, whatever its type.

    >>> Swap(0.15)
    Swap(p=0.15)
    """

    p: float = 0.15

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"Swap noise got p={self.p!r}, but needs a probability: pass 0 ≤ p ≤ 1.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Swap(self.p)


class _Swap(nn.Module):
    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        rows = len(x)
        if rows == 1:
            return x
        flat = x.flatten(1)
        # 1 … rows − 1 further on: another row, never the same one.
        ahead = 1 + (uniform(flat, gen) * (rows - 1)).long().clamp(max=rows - 2)
        other = (torch.arange(rows, device=x.device)[:, None] + ahead) % rows
        return torch.where(uniform(flat, gen) < self.p, flat.gather(0, other), flat).view_as(x)
