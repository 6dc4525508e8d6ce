"""A prior that remembers: the standard normal mixed with what a row's code was before (Shenbin et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source
from narrows.numerics import LOG_2PI, Dropout, gaussian_kl, normal
from narrows.priors._mixing import LEAST, MOST


@dataclass(frozen=True)
class Composite:
    """p(z_d | x) = w₀ N(z_d; 0, 1) + w₁ q_old(z_d | x) + w₂ N(z_d; 0, e^wide), for each number z_d of the code.

    q_old is the posterior of the same row by the encoder as it was some epochs ago, so that codes drift
    slowly and none is unlearned; the wide Gaussian keeps those that must move from paying without end.
    Shenbin, Alekseev, Tutubalina, Malykh & Nikolenko 2020, "RecVAE: a new variational autoencoder for top-N
    recommendations with implicit feedback", with the weights, and number by number, as in the authors'
    program.

    ``weights``  w₀, w₁, w₂, which sum to 1.
    ``wide``     logarithm of the wide component's variance.
    ``every``    epochs between two looks at the encoder; where encoder and decoder take turns, those of a round.

    The divergence is estimated at the draw of z, its entropy exact.  q_old sees the row as it is, without
    corruption or dropout.  It is there for training alone: draws and scores hold codes against N(0, I), for a
    density that depends on the row would count as known what is to be explained.

    >>> Composite(every=4)
    Composite(weights=(0.15, 0.75, 0.1), wide=10.0, every=4)
    """

    weights: tuple[float, float, float] = (0.15, 0.75, 0.1)
    wide: float = 10.0
    every: int = 1

    def __post_init__(self) -> None:
        given = tuple(self.weights)
        numbers = all(isinstance(w, Real) and w >= 0 for w in given)
        if len(given) != 3 or not numbers or not math.isclose(sum(given), 1.0, abs_tol=1e-6):
            raise ValueError(
                f"Composite prior got weights={self.weights!r}, but needs three shares that sum to 1: pass"
                " (0.15, 0.75, 0.1)."
            )
        object.__setattr__(self, "weights", tuple(map(float, given)))
        if not (isinstance(self.wide, Real) and LEAST <= self.wide <= MOST):
            raise ValueError(
                f"Composite prior got wide={self.wide!r}, but needs the logarithm of a variance: pass a number"
                f" between {LEAST:g} and {MOST:g}."
            )
        if not (isinstance(self.every, Integral) and self.every >= 1):
            raise ValueError(
                f"Composite prior got every={self.every!r}, but needs a whole number of epochs: pass 1 or more."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Composite(self, shapes)


class _Posterior(nn.Module):
    """What makes a posterior of a row: (mean, log-variance)."""

    def __init__(self, encoder: nn.Module, bottleneck: nn.Module):
        super().__init__()
        self.encoder, self.bottleneck = encoder, bottleneck

    def forward(self, row: Tensor) -> tuple[Tensor, Tensor]:
        return self.bottleneck.posterior(self.encoder(row))

    def named_tensors(self) -> dict[str, Tensor]:
        """All that it depends on."""
        found = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        return {name: t for name, t in found.items() if not name.startswith("bottleneck.prior.")}


class _Composite(nn.Module):
    settled = True  # what its hooks change are tensors
    asks_row = True

    def __init__(self, part: Composite, shapes: Shapes):
        super().__init__()
        self.every = int(part.every)
        self.register_buffer("origin", torch.zeros(shapes.code))
        self.shares = tuple(math.log(w) if w else -math.inf for w in part.weights)
        self.wide = float(part.wide)
        self.register_buffer("done", torch.zeros((), dtype=torch.long))  # epochs
        # A plain tuple, so that the networks stay the net's own; what they were is in buffers ``old0`` …
        self._now: tuple[_Posterior, ...] = ()

    def tie(self, net: nn.Module) -> None:
        self._now = (_Posterior(net.encoder, net.bottleneck),)
        for i, t in enumerate(self._now[0].named_tensors().values()):
            self.register_buffer(f"old{i}", t.detach().clone())

    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        self._keep()

    def on_epoch(self, net: nn.Module, epoch: int) -> None:
        """Keep the encoder as it is now, if its time has come."""
        self.done += 1
        if int(self.done) % self.every == 0:
            self._keep()

    @torch.no_grad()
    def _keep(self) -> None:
        for i, t in enumerate(self._now[0].named_tensors().values()):
            getattr(self, f"old{i}").copy_(t)

    @torch.no_grad()
    def old_posterior(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q_old(z|x), each (batch, \\*code), of rows as the encoder sees them."""
        posterior = self._now[0]
        old = {name: getattr(self, f"old{i}") for i, name in enumerate(posterior.named_tensors())}
        dropouts = [m for m in posterior.encoder.modules() if isinstance(m, Dropout)]
        bound = [m.gen for m in dropouts]
        try:
            for layer in dropouts:
                layer.gen = None
            return torch.func.functional_call(posterior, old, (row,))
        finally:
            for layer, gen in zip(dropouts, bound, strict=True):
                layer.gen = gen

    def kl(self, mean: Tensor, logvar: Tensor, z: Tensor, row: Tensor | None = None) -> Tensor:
        """KL(q ‖ p) per number of the code, (batch, \\*code), nats: estimated at the draw z; without the
        row the exact one from N(0, I)."""
        if row is None:
            return gaussian_kl(mean, logvar)
        return -0.5 * (logvar + LOG_2PI + 1) - self.log_density(z, *self.old_posterior(row))

    def log_density(self, z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
        """ln p(z_d | x) where q_old is N(mean, e^logvar), z's shape, nats."""
        apart = (
            z.square(),
            (z - mean).square() * (-logvar).exp() + logvar,
            z.square() * math.exp(-self.wide) + self.wide,
        )
        each = [share - 0.5 * (a + LOG_2PI) for share, a in zip(self.shares, apart, strict=True)]
        return torch.logsumexp(torch.stack(each), 0)

    def log_prob(self, z: Tensor) -> Tensor:
        """log N(z; 0, I), (batch,), nats."""
        return -0.5 * (z.square() + LOG_2PI).flatten(1).sum(1)

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes from N(0, I), (n, \\*code)."""
        return normal(self.origin.expand(n, *self.origin.shape), gen)
