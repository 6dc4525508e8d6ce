"""Salt-and-pepper noise (Vincent et al. 2010, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source
from narrows.numerics import uniform


@dataclass(frozen=True)
class SaltPepper:
    """Each number is replaced with probability ``p`` by its feature's smallest or largest value,
    either with equal chance; the two are learned from the training rows.

    >>> SaltPepper(0.1)
    SaltPepper(p=0.1)
    """

    p: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(
                f"Salt-and-pepper noise got p={self.p!r}, but needs a probability: pass 0 ≤ p ≤ 1."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _SaltPepper(self.p, shapes)


class _SaltPepper(nn.Module):
    def __init__(self, p: float, shapes: Shapes):
        super().__init__()
        self.p = p
        self.register_buffer("low", torch.zeros(shapes.row))
        self.register_buffer("high", torch.ones(shapes.row))
        numbers = None if shapes.levels is None else torch.tensor([k == 0 for k in shapes.levels])
        self.register_buffer("numbers", numbers)

    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Learn each feature's range; one range for all where the rows are images."""
        rows = source.head(10_000)
        over = 0 if rows.ndim == 2 else tuple(range(rows.ndim))
        self.low.copy_(rows.nan_to_num(nan=torch.inf).amin(over))
        self.high.copy_(rows.nan_to_num(nan=-torch.inf).amax(over))

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        u = uniform(x, gen)
        hit = u < self.p if self.numbers is None else (u < self.p) & self.numbers
        return torch.where(hit, torch.where(u < self.p / 2, self.low, self.high), x)
