"""The linear map from hidden features to code units that most bottlenecks begin with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import activation, init_layer


class Projection(nn.Module):
    """φ(W h + b), (batch, \\*hidden) → (batch, latent_dim).

    Where a user's encoder emits codes already (``shapes.encoded``) there is no W: only φ is left.
    """

    def __init__(self, shapes: Shapes, phi: str | None = None):
        super().__init__()
        self.linear: nn.Linear | None = None
        if not shapes.encoded:
            self.linear = nn.Linear(math.prod(shapes.hidden), shapes.latent_dim)
            init_layer(self.linear, phi)
        self.phi = activation(phi)

    def raw(self, h: Tensor) -> Tensor:
        h = h.flatten(1)
        return h if self.linear is None else self.linear(h)

    def forward(self, h: Tensor) -> Tensor:
        return self.phi(self.raw(h))

    def jacobian_norm(self, h: Tensor) -> Tensor:
        """‖∂φ(Wh+b)/∂h‖²_F per row, (batch,): Σⱼ φ′(aⱼ)² ‖Wⱼ‖² (Rifai et al. 2011, section 3);
        (h(1−h))² ‖Wⱼ‖² for a sigmoid.  Differentiable."""
        a = self.raw(h)
        if not a.requires_grad:
            a = a.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.phi(a).sum(), a, create_graph=True)
        if self.linear is None:
            return slope.square().sum(1)
        return slope.square() @ self.linear.weight.square().sum(1)
