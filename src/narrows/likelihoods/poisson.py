"""Counts of independent events."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.likelihoods._counts import NOTHING, CountLikelihood, log_rate, rate


@dataclass(frozen=True)
class Poisson:
    """p(x|out) = λˣe^−λ/x! with λ = exp(out): λ − x ln λ + ln x! nats per entry.

    ``library``  λ is softmax(out) times the row's total, so that the code need not explain how deep a
                 row was sequenced or how long a text is (Lopez et al. 2018, "Deep generative modeling
                 for single-cell transcriptomics", there for a negative binomial).  The nll is then a
                 Multinomial's, but for terms of x alone.  ``mean``, ``mode`` and ``draw`` are those of
                 a row with the mean total of the training rows (of a likelihood that was not trained:
                 total 1, proportions); ``expected(out, x)`` takes the total from x.

    x need not be whole: x! is Γ(x + 1).

    >>> module = Poisson().build(Shapes(row=(1,), latent_dim=1))
    >>> module.nll(torch.tensor([[3.0]]).log(), torch.tensor([[2.0]]))
    tensor([[1.4959]])
    """

    library: bool = False
    channels = 1
    unit = False
    scaled = False  # a count has no other unit

    @property
    def typed(self) -> bool:
        """Whether it wants a row to itself: not to be made a part of Mixed."""
        return self.library

    def build(self, shapes: Shapes) -> nn.Module:
        return _Poisson(shapes, "Poisson", self.library)


class _Poisson(CountLikelihood):
    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        known = self.filled(x)
        if self.library:
            log_rates = self.log_rates(out, x)
            rates = log_rates.exp()
        else:
            log_rates, rates = log_rate(out), rate(out)
        return self.observed(x, rates - known * log_rates + (known + 1).lgamma())

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        if not self.library:
            return super().row_nll(out, x)
        # The rates sum to the total, whatever out is.
        known, total = self.filled(x), self.totals(x).flatten()
        constant = total - total * total.clamp(min=NOTHING).log() + (known + 1).lgamma().flatten(1).sum(1)
        return constant - (known * self.log_proportions(out, x)).flatten(1).sum(1)

    def mode(self, out: Tensor) -> Tensor:
        return self.mean(out).floor()

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        return torch.poisson(self.mean(out), generator=gen)
