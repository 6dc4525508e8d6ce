"""Sparse codes by a target activity (Ng 2011, CS294A lecture notes, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from narrows.contracts import Pass, Shapes
from narrows.numerics import bernoulli_kl


@dataclass(frozen=True)
class KLSparsity:
    """weight · Σⱼ KL(ρ ‖ ρ̂ⱼ), where ρ is ``target`` and ρ̂ⱼ unit j's mean activity over the batch.

    It needs codes in (0, 1): ``Deterministic(activation="sigmoid")``.  A statistic of the batch,
    so the term is 0-d.

    >>> KLSparsity(weight=1.0, target=0.05)
    KLSparsity(weight=1.0, target=0.05)
    """

    weight: float = 1.0
    target: float = 0.05
    needs_unit_codes = True

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(
                f"KLSparsity got weight={self.weight!r}, but needs weight ≥ 0: pass 0 for no penalty."
            )
        if not 0 < self.target < 1:
            raise ValueError(
                f"KLSparsity got target={self.target!r}, but needs a mean activity: pass 0 < target < 1."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _KLSparsity(self.weight, self.target)


class _KLSparsity(nn.Module):
    def __init__(self, weight: float, target: float):
        super().__init__()
        self.weight, self.target = weight, target

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        return self.weight * bernoulli_kl(self.target, p.code.mean.mean(0)).sum()
