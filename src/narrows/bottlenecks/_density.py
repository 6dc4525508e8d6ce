"""One distribution per channel whose CDF is a monotone network: Ballé et al. 2018, "Variational image
compression with a scale hyperprior", appendix 6.1.

F = σ ∘ f_K ∘ … ∘ f_1,  f_k(x) = g_k(H_k x + b_k),  g_k(x) = x + a_k ⊙ tanh(x),  no g after the last,

with H = softplus(Ĥ) > 0 and a = tanh(â) > −1, so that F rises from 0 to 1 whatever the weights are.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (1, 3, 3, 3, 1)
SLOPE = math.pi / math.sqrt(3.0)  # of the logit of a logistic distribution with variance 1
PACE = 10.0  # weights are kept divided by it: steps that fit a network's weights move these ten times as fast
LEAST = 1e-6  # difference of two logits below which rounding could make it 0


class Density(nn.Module):
    """Distributions of ``channels`` numbers, each by itself; at first logistic with mean 0 and variance 1.

    ``centre`` and ``spread``, (channels,) each, say where and how wide: they are data, not trained.
    """

    def __init__(self, channels: int):
        super().__init__()
        layers = len(WIDTHS) - 1
        self.matrices, self.biases, self.bends = (nn.ParameterList() for _ in range(3))
        for k, (a, b) in enumerate(pairwise(WIDTHS)):
            # softplus(Ĥ) = slope^(1/K) / a: together the layers have the slope of the start.
            entry = math.log(math.expm1(SLOPE ** (1 / layers) / a))
            self.matrices.append(nn.Parameter(torch.full((channels, b, a), entry / PACE)))
            # Unlike biases, or the units of a layer would stay alike.
            self.biases.append(nn.Parameter(torch.empty(channels, b, 1).uniform_(-0.5, 0.5) / PACE))
            if k < layers - 1:
                self.bends.append(nn.Parameter(torch.zeros(channels, b, 1)))
        self.register_buffer("centre", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        with torch.no_grad():
            self.biases[-1].sub_(self.logits(torch.zeros(1, channels)).T[:, :, None] / PACE)

    @torch.no_grad()
    def place(self, centre: Tensor, spread: Tensor) -> None:
        """Begin at these means and standard deviations, (channels,) each."""
        self.centre.copy_(centre)
        self.spread.copy_(spread)

    def logits(self, y: Tensor) -> Tensor:
        """ln F/(1 − F) at y (batch, channels)."""
        x = ((y - self.centre) / self.spread).T[:, None]  # (channels, 1, batch)
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = nn.functional.softplus(PACE * matrix) @ x + PACE * bias
            if k < len(self.bends):
                x = x + (PACE * self.bends[k]).tanh() * x.tanh()
        return x[:, 0].T

    def nats(self, y: Tensor, width: Tensor) -> Tensor:
        """−ln (F(y + width/2) − F(y − width/2)), (batch, channels); finite however far out y is.

        With logits u > l it is −ln σ(u) − ln σ(−l) − ln(1 − e^(l−u)): no difference of two numbers near 1.
        """
        both = self.logits(torch.cat([y + 0.5 * width, y - 0.5 * width]))
        upper, lower = both.tensor_split(2)
        apart = (upper - lower).clamp(min=LEAST)
        log_sigmoid = nn.functional.logsigmoid
        return -(log_sigmoid(upper) + log_sigmoid(-lower) + (-(-apart).expm1()).log())
