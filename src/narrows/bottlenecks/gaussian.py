"""The variational code: a Gaussian per row, held against a prior (Kingma & Welling 2014)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from narrows import priors
from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Part, Shapes
from narrows.numerics import init_layer, normal
from narrows.priors import StandardNormal


@dataclass(frozen=True)
class Gaussian:
    """q(z|x) = N(μ(h), diag σ²(h)), with loss β·KL(q ‖ p).

    ``beta``       weight of the KL term; 1 is the ELBO, more disentangles (Higgins et al. 2017).
    ``warmup``     share of the training steps over which the weight grows from 0 to β
                   (Bowman et al. 2016).
    ``free_bits``  nats per dimension that cost nothing: Σ_d max(λ, KL_d), KL_d averaged over the
                   batch (Kingma et al. 2016, equation 15); under a prior that does not divide its KL
                   among dimensions as many nats of the whole: max(λ·latent_dim, KL).
    ``prior``      p(z), a part of ``narrows.priors``: its ``kl(mean, logvar, z)`` is (batch, latent_dim),
                   or (batch, 1) where it has no form per dimension, in nats; exact, or an unbiased
                   estimate at the draw z.  One that ``asks_row`` is given the row, too, in training.

    ``Code.rate`` is the plain KL in nats whatever the weights are.

    >>> Gaussian(beta=4.0)
    Gaussian(beta=4.0, warmup=0.0, free_bits=0.0, prior=StandardNormal())
    """

    beta: float = 1.0
    warmup: float = 0.0
    free_bits: float = 0.0
    prior: Part = field(default_factory=StandardNormal)

    def __post_init__(self) -> None:
        if not self.beta >= 0:
            raise ValueError(
                f"Gaussian bottleneck got beta={self.beta!r}, but needs beta ≥ 0: 1 is the ELBO."
            )
        if not 0 <= self.warmup <= 1:
            raise ValueError(
                f"Gaussian bottleneck got warmup={self.warmup!r}, but needs a share of training: pass 0 ≤ warmup ≤ 1."
            )
        if not self.free_bits >= 0:
            raise ValueError(
                f"Gaussian bottleneck got free_bits={self.free_bits!r}, but needs nats per dimension: pass 0 or more."
            )
        if isinstance(self.prior, str):  # by its name, as all parts
            found = {name.lower(): name for name in priors.__all__}.get(self.prior.lower().replace("_", ""))
            if found is not None:
                object.__setattr__(self, "prior", getattr(priors, found)())
        if not isinstance(self.prior, Part) or isinstance(self.prior, type):
            raise ValueError(
                f"Gaussian bottleneck got prior={self.prior!r}, but needs a part of narrows.priors or its name: pass"
                " priors.Mixture() or 'mixture'."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Gaussian(self, shapes)


class _Gaussian(nn.Module):
    def __init__(self, part: Gaussian, shapes: Shapes):
        super().__init__()
        self.beta, self.warmup, self.free_bits = part.beta, part.warmup, part.free_bits
        self.project = Projection(shapes.but(encoded=False))  # a mean and a spread need their own maps
        self.spread = nn.Linear(math.prod(shapes.hidden), shapes.latent_dim)
        init_layer(self.spread, None)
        self.prior = part.prior.build(shapes)
        self.progress = 0.0 if part.warmup else 1.0

    @property
    def asks_row(self) -> bool:
        return getattr(self.prior, "asks_row", False)

    @property
    def settled(self) -> bool:
        """Whether the warm-up is over: until then training and the monitor ask for different things."""
        return self.progress >= 1.0

    def on_step(self, net: nn.Module, step: int, total: int) -> None:
        """Advance the warm-up; ``step`` steps of ``total`` are done."""
        self.progress = min(1.0, step / (self.warmup * total)) if self.warmup else 1.0

    def posterior(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each (batch, latent_dim)."""
        # e^10 and e^-15: beyond any use, before overflow
        return self.project(h), self.spread(h.flatten(1)).clamp(-15.0, 10.0)

    def forward(self, h: Tensor, gen: torch.Generator | None = None, row: Tensor | None = None) -> Code:
        mean, logvar = self.posterior(h)
        z = mean if gen is None else mean + (0.5 * logvar).exp() * normal(mean, gen)
        given = () if row is None else (row,)
        kl = self.prior.kl(mean, logvar, z, *given)  # (batch, latent_dim or 1)
        free = self.free_bits * mean.shape[1] / kl.shape[1]
        cost = kl.mean(0).clamp(min=free).sum() if free else kl.sum(1)
        # Evaluation weighs the KL as the end of training will: the monitor must not move with the warm-up.
        weight = self.beta * (self.progress if self.training else 1.0)
        return Code(z=z, mean=mean, rate=kl.sum(1), loss={"kl": weight * cost})

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes from the prior, (n, latent_dim)."""
        return self.prior.draw(n, gen)
