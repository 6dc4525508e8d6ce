"""Counts that scatter more than independent events do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from narrows.contracts import Shapes
from narrows.likelihoods._counts import NOTHING, CountLikelihood
from narrows.likelihoods._location import check_choice

DISPERSIONS = ("shared", "feature")
SCATTER = (0.01, 100.0)  # 1/θ at the start: between all but Poisson and a variance of μ + 100 μ²
EXACT = 40.0  # above it softplus(t) is t in double precision too


@dataclass(frozen=True)
class NegativeBinomial:
    """p(x|out) with mean μ = exp(out) and variance μ + μ²/θ: a Poisson whose rate is Gamma-distributed.

    −ln Γ(x+θ) + ln Γ(θ) + ln x! − θ ln θ/(θ+μ) − x ln μ/(θ+μ) nats per entry (Lopez et al. 2018, "Deep
    generative modeling for single-cell transcriptomics"; θ is the inverse dispersion).

    ``dispersion``  "shared" (one learned θ) or "feature" (one per feature); its logarithm is the
                    parameter, and training starts it at the training rows' own.
    ``library``     μ is softmax(out) times the row's total, so that the code need not explain how deep
                    a row was sequenced or how long a text is.  ``mean``, ``mode`` and ``draw`` are then
                    those of a row with the mean total of the training rows (of a likelihood that was
                    not trained: total 1, proportions); ``expected(out, x)`` takes the total from x.

    As θ grows it becomes Poisson.  x need not be whole: x! is Γ(x + 1).

    >>> module = NegativeBinomial().build(Shapes(row=(1,), latent_dim=1))
    >>> _ = module.log_theta.data.copy_(torch.tensor(2.0).log())
    >>> module.nll(torch.tensor([[4.0]]).log(), torch.tensor([[3.0]])).item()  # −ln 32/243
    2.0273...
    """

    dispersion: str = "shared"
    library: bool = False
    channels = 1
    unit = False
    scaled = False  # a count has no other unit

    def __post_init__(self) -> None:
        check_choice("NegativeBinomial", "dispersion", self.dispersion, DISPERSIONS)

    @property
    def typed(self) -> bool:
        """Whether it wants a row to itself: not to be made a part of Mixed."""
        return self.library

    def build(self, shapes: Shapes) -> nn.Module:
        return _NegativeBinomial(shapes, self.dispersion, self.library)


class _NegativeBinomial(CountLikelihood):
    def __init__(self, shapes: Shapes, dispersion: str, library: bool):
        super().__init__(shapes, "NegativeBinomial", library)
        self.log_theta = nn.Parameter(torch.zeros(shapes.row if dispersion == "feature" else ()))

    @property
    def theta(self) -> Tensor:
        """The inverse dispersion, () or row."""
        return self.log_theta.exp()

    def learn(self, rows: Tensor) -> None:
        """Also θ, by moments: the variance beyond a Poisson's is μ²/θ."""
        super().learn(rows)
        mean = rows.nanmean(0)
        if self.library:
            mean = mean / mean.sum().clamp(min=NOTHING) * self.totals(rows)
        over = 0 if self.log_theta.ndim else tuple(range(rows.ndim))
        excess = ((rows - mean).square() - mean).nansum(over)
        square = (mean.square() + 0 * rows).nansum(over)  # where there are rows
        self.log_theta.copy_(-(excess / square.clamp(min=NOTHING)).clamp(*SCATTER).log())

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        known, log_theta, theta = self.filled(x), self.log_theta, self.theta
        log_mean = self.log_rates(out, x) if self.library else out
        spread = softplus(log_mean - log_theta, threshold=EXACT)  # ln(1 + μ/θ)
        nll = (known + theta) * spread - known * log_mean + (known + 1).lgamma()
        return self.observed(x, nll - rising(known, log_theta))

    def mode(self, out: Tensor) -> Tensor:
        return (self.mean(out) * (1 - 1 / self.theta)).clamp(min=0).floor()

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        mean = self.mean(out)
        rates = torch._standard_gamma(self.theta.expand_as(mean).contiguous(), generator=gen)
        return torch.poisson(rates * mean / self.theta, generator=gen)


def rising(x: Tensor, log_theta: Tensor) -> Tensor:
    """ln Γ(x+θ)/(Γ(θ)θˣ), which goes to 0 as θ grows; x of any shape, log_theta broadcasts.

    In double precision: both Γ are so large then that single precision leaves nothing of their ratio.
    """
    wide, power = x.double(), log_theta.double()
    theta = power.exp()
    return ((wide + theta).lgamma() - theta.lgamma() - wide * power).to(x)
