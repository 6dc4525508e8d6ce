"""Exactly k active units: the k-sparse autoencoder (Makhzani & Frey 2014).

Left alone, most units of a wide code die: a unit that is never among the k gets no gradient and
never will be.  Each unit therefore carries a boost that counts in the choice of the k, not in the
code, and grows while the unit is used too rarely (Wang et al. 2024, "Auxiliary-loss-free load
balancing", there for experts).

Codes that are features for another model may keep more units than the decoder gets, αk of them: "Sparse
Encoding" in Makhzani & Frey's Algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Integral, Real

import torch
from torch import Tensor, nn

from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Shapes, Source


@dataclass(frozen=True)
class TopK:
    """a = W h + b; the k entries with the largest aⱼ + boostⱼ are kept, the rest are 0.

    Exactly ``k`` units survive, ties included (the choice among equals is the sort's).
    ``k ≥ latent_dim`` keeps them all.

    ``alpha``  ``transform`` keeps α·k units, rounded, at most all.  Everything else is as with 1: training,
               ``reconstruct`` and scores keep k, and of a code with more ``inverse_transform`` decodes the k
               that come first, so that ``inverse_transform(transform(X))`` is ``reconstruct(X)`` (but for
               units that come first at exactly 0).  It may be chosen after training:
               ``ae.with_params(bottleneck__alpha=3)``.

    >>> TopK(k=10)
    TopK(k=10, alpha=1.0)
    """

    k: int = 10
    alpha: float = 1.0
    late = ("alpha",)

    def __post_init__(self) -> None:
        if not (isinstance(self.k, Integral) and self.k >= 1):
            raise ValueError(f"TopK got k={self.k!r}, but needs a whole number of active units: pass k ≥ 1.")
        if not (isinstance(self.alpha, Real) and 1 <= self.alpha < math.inf):
            raise ValueError(
                f"TopK got alpha={self.alpha!r}, but needs how many times k units transform keeps: pass alpha ≥ 1."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        most = shapes.latent_dim
        return _TopK(shapes, min(self.k, most), min(round(self.alpha * self.k), most))


RARE = 0.5  # of a unit's fair share k/latent_dim of the rows: below it a unit is boosted
MEMORY = 0.99  # of a unit's share of rows, per step
START_ROWS = 2048  # that the start is fitted to
PUSH = 0.05  # per step, in standard deviations of a


class _TopK(nn.Module):
    settled = True  # what its hook changes are tensors

    def __init__(self, shapes: Shapes, k: int, wide: int):
        super().__init__()
        self.k, self.wide = k, wide
        self.project = Projection(shapes)
        fair = k / shapes.latent_dim
        self.rare = RARE * fair
        self.register_buffer("boost", torch.zeros(shapes.latent_dim))
        self.register_buffer("share", torch.full((shapes.latent_dim,), fair))  # of recent rows, per unit
        self.register_buffer("spread", torch.ones(()))  # recent standard deviation of a

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Start with every unit at mean 0 and spread 1 over the data (Salimans & Kingma 2016,
        section 3): else the few that agree with the mean row win everywhere from the first step."""
        if self.project.linear is None:
            return
        h = net.encoder(net.embed(source.head(START_ROWS))).flatten(1)
        weight, bias = self.project.linear.weight, self.project.linear.bias
        a = h @ weight.T
        spread = a.std(0, correction=0)
        weight.div_(torch.where(spread > 1e-6, spread, 1.0)[:, None])
        bias.copy_(-(h @ weight.T).mean(0))

    def forward(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        a = self.project(h)
        z = self.restrict(a)
        if self.training:
            with torch.no_grad():
                self.share.mul_(MEMORY).add_((z != 0).to(z).mean(0), alpha=1 - MEMORY)
                self.spread.mul_(MEMORY).add_(a.std(correction=0), alpha=1 - MEMORY)
        return Code(z=z, mean=z, rate=None, loss={})

    def encode(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        """The code whose mean keeps αk units; its z is that of ``forward``."""
        code = self(h, gen)
        if self.wide == self.k:
            return code
        a = self.project(h)
        return replace(code, mean=_largest(a, a + self.boost, self.wide))

    def decodable(self, z: Tensor) -> Tensor:
        """Of codes that ``encode`` gave, those that ``forward`` would have given."""
        if self.wide == self.k:
            return z
        # A boost is no reason to take what was left out.
        order = torch.where(z != 0, z + self.boost, -math.inf)
        return _largest(z, order, self.k)

    def on_step(self, net: nn.Module, step: int, total: int) -> None:
        """Boost units that are hardly ever used; ever less, so that the choice settles."""
        push = PUSH * (1 - step / total) * self.spread
        self.boost.add_(push * (self.share < self.rare))

    def restrict(self, a: Tensor) -> Tensor:
        """a with all but k units set to 0."""
        return _largest(a, a + self.boost, self.k)


def _largest(a: Tensor, order: Tensor, k: int) -> Tensor:
    """a with all set to 0 but the k units that are largest in ``order``."""
    where = order.topk(k, dim=1).indices
    return torch.zeros_like(a).scatter(1, where, a.gather(1, where))
