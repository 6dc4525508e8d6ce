"""A code that is made to be stored: integers, and what each costs under a learned distribution of its own
(Ballé, Laparra & Simoncelli 2017, "End-to-end optimized image compression"; Ballé et al. 2018, "Variational
image compression with a scale hyperprior", appendix 6)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.bottlenecks._density import Density
from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Shapes, Source
from narrows.numerics import CommonNoise, uniform

START_ROWS = 4096  # that the distributions are started from
NARROW = 0.1  # steps: channels that vary less start as if they varied so much
FURTHEST = 1 << 15  # the largest integer in a table


@dataclass(frozen=True)
class Factorised:
    """y = W h + b is rounded to steps Δ of its own, k = round(y/Δ), z = kΔ; the objective pays β nats per nat.

    A row costs −Σ ln p(k), p(k) = F(kΔ + Δ/2) − F(kΔ − Δ/2), with F the distribution of a channel, a
    monotone network.  In training rounding is replaced by noise of its size, ỹ = y + Δu, u uniform in ±½,
    so that Δ, F and y learn from gradients (Ballé et al. 2017, section 3).

    ``beta``      squared error, halved, that a nat is worth in scaled units.  Steps start at Δ² = 12β, the
                  optimum of ½‖x − x̂‖² + β·nats where the decoder keeps lengths and steps are small.
    ``rounding``  let the decoder see rounded codes in training, too, gradients passing straight through
                  (Theis et al. 2017, section 2.2), while the rate sees noise (Minnen & Singh 2020, "Channel-wise
                  autoregressive entropy models", section 3.3).

    ``classes``   of rows, each with distributions of its own: a row costs −ln Σ_c π_c Π p_c in training and is
                  stored under the class that makes it cheapest, which is paid for, too.  Rows of some kinds
                  (a sensor at rest, and in motion) are stored in a fifth fewer bits so.

    ``Code.rate`` is in nats whatever β is.  ``Code.indices``, in answers alone, are the integers k, (batch,
    latent_dim), behind the number of the class where there are several, (batch, 1 + latent_dim).

    >>> Factorised(beta=0.01)
    Factorised(beta=0.01, rounding=False, classes=1)
    """

    beta: float = 0.01
    rounding: bool = False
    classes: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.beta < math.inf:
            raise ValueError(
                f"Factorised got beta={self.beta!r}, but needs what a nat is worth: pass a number > 0."
            )
        if not (isinstance(self.classes, Integral) and self.classes >= 1):
            raise ValueError(
                f"Factorised got classes={self.classes!r}, but needs how many kinds of rows: pass a whole number ≥ 1."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Factorised(self, shapes)


class _Factorised(nn.Module):
    def __init__(self, part: Factorised, shapes: Shapes):
        super().__init__()
        self.beta, self.rounding = part.beta, part.rounding
        self.project = Projection(shapes)
        self.classes = part.classes
        self.log_step = nn.Parameter(torch.full((shapes.latent_dim,), 0.5 * math.log(12 * part.beta)))
        # Of all channels for one class, then for the next.
        self.density = Density(part.classes * shapes.latent_dim)
        self.log_shares = nn.Parameter(torch.zeros(part.classes))

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Start with distributions as wide as the codes of the first weights."""
        y = self.project(net.encoder(net.embed(source.head(START_ROWS))))
        # Classes start with rows of less and of more in them.
        size = (y / self.step).abs().clamp(max=1.0).sum(1) + 1e-3 * (y / self.step).abs().log1p().sum(1)
        parts = y[size.argsort()].tensor_split(self.classes)
        centres = [part.mean(0) for part in parts]
        spreads = [part.std(0, correction=0).maximum(NARROW * self.step) for part in parts]
        self.density.place(torch.cat(centres), torch.cat(spreads))

    @property
    def step(self) -> Tensor:
        """Δ of each channel, (latent_dim,)."""
        return self.log_step.exp()

    def forward(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        y, step = self.project(h), self.step
        if gen is None or isinstance(gen, CommonNoise):  # scores, too, are of the code that is stored
            k = (y / step).round()
            z = k * step
            rate, which = self._nats(z).min(1)
            indices = k.long() if self.classes == 1 else torch.cat([which[:, None], k.long()], 1)
            return Code(z=z, mean=z, rate=rate, loss={"rate": self.beta * rate}, indices=indices)
        noisy = y + step * (uniform(y, gen) - 0.5)
        rate = -(-self._nats(noisy)).logsumexp(1)
        z = y + step * ((y / step).round() - y / step).detach() if self.rounding else noisy
        return Code(z=z, mean=z, rate=rate, loss={"rate": self.beta * rate})

    def integers(self, h: Tensor) -> Tensor:
        """The same ``indices`` as an answer's, without what they cost where nothing depends on that."""
        if self.classes > 1:
            return self(h).indices
        return (self.project(h) / self.step).round().long()

    def _nats(self, y: Tensor) -> Tensor:
        """What a row costs under each class, (batch, classes)."""
        each = self.density.nats(y.repeat(1, self.classes), self.step.repeat(self.classes))
        return each.unflatten(1, (self.classes, -1)).sum(2) - self.log_shares.log_softmax(0)

    def from_indices(self, indices: Tensor) -> Tensor:
        """The codes of symbols (n, places), bit for bit those that had them."""
        step = self.step
        return indices[:, -len(step) :].to(step) * step

    def restrict(self, z: Tensor) -> Tensor:
        """The nearest codes on the grid."""
        return (z / self.step).round() * self.step

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes (n, latent_dim): a class each, then every channel by itself."""
        of = self.shares().multinomial(n, replacement=True, generator=gen)
        drawn = torch.stack(
            [
                torch.stack([lo + p.multinomial(n, replacement=True, generator=gen) for lo, p in channels], 1)
                for channels in self.tables()
            ]
        )
        step = self.step
        return drawn[of, torch.arange(n, device=of.device)].to(step) * step

    @torch.no_grad()
    def shares(self) -> Tensor:
        """Probabilities of the classes, (classes,) float64."""
        return self.log_shares.double().softmax(0)

    @torch.no_grad()
    def tables(self, tail: float = 1e-6) -> list[list[tuple[int, Tensor]]]:
        """Of each class and channel the least integer and the probabilities, float64, of it and those that
        follow; what lies beyond has less than ``tail`` on either side."""
        density, step = copy.deepcopy(self.density).double(), self.step.double().repeat(self.classes)
        limit, reach = math.log((1 - tail) / tail), 16
        while True:
            k = torch.arange(-reach, reach + 1, device=step.device)[:, None]
            above, below = density.logits((k + 0.5) * step), density.logits((k - 0.5) * step)
            if reach >= FURTHEST or bool(((above[-1] > limit) & (below[0] < -limit)).all()):
                break
            reach *= 2
        kept, p = (above > -limit) & (below < limit), (-density.nats(k * step, step)).exp()
        kept[p.argmax(0), torch.arange(len(step), device=step.device)] = True  # at least one
        each = [(int(k[mine][0, 0]), p[mine, j]) for j, mine in enumerate(kept.T)]
        return [each[i : i + len(self.log_step)] for i in range(0, len(each), len(self.log_step))]
