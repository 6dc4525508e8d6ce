"""Learning to denoise from noisy rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Pass, Shapes


@dataclass(frozen=True)
class Recorrupted:
    """Turns least squares on noisy rows into least squares on the clean ones that nobody has.

    Rows y = x + n have Gaussian noise n; the corruption adds αn′, n′ of the same law.  Then y + αn′ and
    y − n′/α are independent noisy copies of x, and a network that is taught to make the second of the
    first learns E[x | y + αn′].  Written out, that adds to ½‖x̂ − y‖² the term ⟨αn′, x̂⟩/α²
    (its mean is ``trace(cov(n) ∂x̂/∂y)``: Stein's, what keeps x̂ from being y itself).
    Pang et al. 2021, "Recorrupted-to-Recorrupted", theorem 1; Stein 1981.

    ``alpha``  how much noise is added, in standard deviations of what is there; where the corruption
               tells the network a level, that and ``std`` say it row by row.
    ``std``    standard deviation of the noise that rows have, in scaled units; only then needed.

    Meant for a Normal likelihood with unit variance.

    >>> Recorrupted(0.5)
    Recorrupted(alpha=0.5, std=None)
    """

    alpha: float = 0.5
    std: float | None = None

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ValueError(f"Recorrupted got alpha={self.alpha!r}, but needs alpha > 0: pass 0.5.")
        if self.std is not None and not self.std > 0:
            raise ValueError(f"Recorrupted got std={self.std!r}, but needs std > 0: pass the noise's level.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Recorrupted(self)


class _Recorrupted(nn.Module):
    def __init__(self, part: Recorrupted):
        super().__init__()
        self.alpha, self.std = part.alpha, part.std

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        channels = p.x.shape[1]
        added = torch.nan_to_num(p.x_in[:, :channels] - p.x)
        inner = (added * net.likelihood.mean(p.out)).flatten(1).sum(1)
        if p.x_in.shape[1] == channels or self.std is None:
            return inner / self.alpha**2
        level = p.x_in[:, channels:].flatten(1)[:, 0]
        return inner / ((level / self.std).square() - 1)
