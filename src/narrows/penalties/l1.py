"""Sparse codes by an absolute-value penalty."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from narrows.contracts import Pass, Shapes


@dataclass(frozen=True)
class L1:
    """weight · Σⱼ |zⱼ| per row, beside a reconstruction error *summed* over features.

    A framework that averages its squared error over d features asks for ``weight = l1·d/2`` to
    get the same optimum as its activity penalty ``l1``; for cross-entropy ``l1·d``.

    >>> L1(0.01)
    L1(weight=0.01)
    """

    weight: float = 1e-3

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(f"L1 got weight={self.weight!r}, but needs weight ≥ 0: pass 0 for no penalty.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _L1(self.weight)


class _L1(nn.Module):
    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        return self.weight * p.code.mean.abs().flatten(1).sum(1)
