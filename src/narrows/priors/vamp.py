"""The VampPrior: the posteriors of learned pseudo-inputs, mixed (Tomczak & Welling 2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source
from narrows.priors._mixing import draw_mixture, estimated_kl, log_mixture


@dataclass(frozen=True)
class Vamp:
    """p(z) = (1/K) Σₖ q(z|uₖ): K pseudo-inputs uₖ that are learned with the model and start at training
    rows (Tomczak & Welling 2018, "VAE with a VampPrior", equation 9).

    The uₖ are what the encoder sees: after embedding, in scaled units.  Every training step takes
    ``components`` more rows through the encoder; after an epoch their posteriors are kept, so that draws
    and scores need no encoder.  The divergence is estimated at the draw of z.

    >>> Vamp(components=50)
    Vamp(components=50)
    """

    components: int = 100

    def __post_init__(self) -> None:
        if not (isinstance(self.components, Integral) and self.components >= 1):
            raise ValueError(
                f"Vamp prior got components={self.components!r}, but needs a whole number of pseudo-inputs: pass 1 or"
                " more."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Vamp(int(self.components), shapes)


class _Vamp(nn.Module):
    settled = True  # what its hook changes are tensors

    def __init__(self, components: int, shapes: Shapes):
        super().__init__()
        self.code = shapes.code
        wide = (components, math.prod(shapes.code))
        self.inputs = nn.Parameter(torch.randn(components, *shapes.input))
        self.register_buffer("means", torch.zeros(wide))
        self.register_buffer("logvars", torch.zeros(wide))
        self.shares = -math.log(components)
        # A plain tuple, so that the networks stay the net's own and are saved once.
        self._nets: tuple[nn.Module, ...] = ()

    def tie(self, net: nn.Module) -> None:
        self._nets = (net.encoder, net.bottleneck)

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Start at training rows."""
        rows = net.embed(source.head(len(self.inputs)))
        self.inputs[: len(rows)] = rows
        if 0 < len(rows) < len(self.inputs):  # fewer rows than components: some of them again, not quite
            again = torch.arange(len(rows), len(self.inputs), device=rows.device) % len(rows)
            noise = torch.empty_like(rows[again]).normal_(generator=gen)
            self.inputs[len(rows) :] = rows[again] + 0.01 * noise
        self.on_epoch(net, 0)

    @torch.no_grad()
    def on_epoch(self, net: nn.Module, epoch: int) -> None:
        """Keep the posteriors as they are now."""
        means, logvars = self._posteriors()
        self.means.copy_(means)
        self.logvars.copy_(logvars)

    def _posteriors(self) -> tuple[Tensor, Tensor]:
        """Means and log-variances of the pseudo-inputs' codes, (components, d)."""
        encoder, bottleneck = self._nets
        mean, logvar = bottleneck.posterior(encoder(self.inputs))
        return mean.flatten(1), logvar.flatten(1)

    def _mixture(self) -> tuple[Tensor, Tensor, Tensor]:
        means, logvars = self._posteriors() if self.training else (self.means, self.logvars)
        return means.new_full((len(means),), self.shares), means, logvars

    def kl(self, mean: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q ‖ p), (batch, 1), nats: estimated at the draw z."""
        return estimated_kl(logvar, self.log_prob(z))

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), (batch,), nats."""
        return log_mixture(z.flatten(1), *self._mixture())

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes, (n, \\*code)."""
        return draw_mixture(n, gen, *self._mixture()).unflatten(1, self.code)
