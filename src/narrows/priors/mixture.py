"""A Gaussian mixture as the prior: codes may lie in clusters (Dilokthanakul et al. 2016; Jiang et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.priors._mixing import LEAST, MOST, draw_mixture, estimated_kl, log_mixture


@dataclass(frozen=True)
class Mixture:
    """p(z) = Σₖ πₖ N(z; μₖ, diag σₖ²), all of it learned with the model.

    The divergence is estimated at the draw of z (its entropy is exact), one number per row; scores
    average it over their draws of the code.  One component with μ = 0 and σ = 1 is the standard normal.

    >>> Mixture(components=10)
    Mixture(components=10)
    """

    components: int = 10

    def __post_init__(self) -> None:
        if not (isinstance(self.components, Integral) and self.components >= 1):
            raise ValueError(
                f"Mixture prior got components={self.components!r}, but needs a whole number of Gaussians: pass 1 or"
                " more."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Mixture(int(self.components), shapes.code)


class _Mixture(nn.Module):
    def __init__(self, components: int, code: tuple[int, ...]):
        super().__init__()
        self.code = code
        wide = (components, math.prod(code))
        self.logits = nn.Parameter(torch.zeros(components))
        # Apart from the first, or all would stay one: components that start alike learn alike.
        self.means = nn.Parameter(torch.randn(wide) if components > 1 else torch.zeros(wide))
        self.logvars = nn.Parameter(torch.zeros(wide))

    def _parameters_of(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.logits.log_softmax(0), self.means, self.logvars.clamp(LEAST, MOST)

    def kl(self, mean: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q ‖ p), (batch, 1), nats: estimated at the draw z."""
        return estimated_kl(logvar, self.log_prob(z))

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), (batch,), nats."""
        return log_mixture(z.flatten(1), *self._parameters_of())

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes, (n, \\*code)."""
        return draw_mixture(n, gen, *self._parameters_of()).unflatten(1, self.code)
