"""A weight of the code's rate for every row: the more a row holds, the more it must save (Shenbin et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Pass, Shapes


@dataclass(frozen=True)
class RowRate:
    """β(x)·rate(x) per row, with β(x) = weight · Σⱼ |xⱼ|: a β of its own for every row.

    The log-likelihood of counts grows with how many there are, so that one β would weigh little in long rows
    and much in short ones.  Shenbin et al. 2020, "RecVAE", where Σⱼ xⱼ is the number of a user's items and
    the weight is called γ.

    The rate is what ``Code.rate`` says: a bottleneck with a β of its own adds that, so pass
    ``Gaussian(beta=0)``.  Gaps count nothing.

    >>> RowRate(weight=0.005)
    RowRate(weight=0.005)
    """

    weight: float = 0.005

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(
                f"RowRate got weight={self.weight!r}, but needs weight ≥ 0: pass 0 for no penalty."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _RowRate(self.weight)


class _RowRate(nn.Module):
    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        if p.code.rate is None:
            raise ValueError(
                f"RowRate got codes of {type(net.bottleneck).__name__.lstrip('_')} without a rate, but needs one to"
                " weigh: pass bottleneck=Gaussian(beta=0)."
            )
        return self.weight * torch.nan_to_num(p.x).abs().flatten(1).sum(1) * p.code.rate
