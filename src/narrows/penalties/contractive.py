"""Codes that hardly move when the input does (Rifai et al. 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Pass, Shapes
from narrows.numerics import generator


@dataclass(frozen=True)
class Contractive:
    """weight · ‖∂ mean(x) / ∂x‖²_F per row: the squared Jacobian of the code's mean.

    ``probes=None`` is exact: in closed form Σⱼ φ′(aⱼ)²‖Wⱼ‖² where the bottleneck stands on the
    input, else one backward pass per code unit.  With ``probes=m`` it is estimated without bias
    by m random directions, E‖Jᵀv‖² with v uniform on {−1, 1} (Hutchinson 1989): the choice for
    deep encoders with many code units.

    >>> Contractive(weight=0.1)
    Contractive(weight=0.1, probes=None)
    """

    weight: float = 0.1
    probes: int | None = None

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(
                f"Contractive got weight={self.weight!r}, but needs weight ≥ 0: pass 0 for no penalty."
            )
        if self.probes is not None and not (isinstance(self.probes, Integral) and self.probes >= 1):
            raise ValueError(
                f"Contractive got probes={self.probes!r}, but needs a whole number ≥ 1: pass None to be exact."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Contractive(self.weight, self.probes)


class _Contractive(nn.Module):
    def __init__(self, weight: float, probes: int | None):
        super().__init__()
        self.weight, self.probes = weight, probes

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        with torch.enable_grad():  # the monitor asks for it, too, and runs without gradients
            return self.weight * self.jacobian_norm(net, p)

    def jacobian_norm(self, net: nn.Module, p: Pass) -> Tensor:
        """‖J‖²_F per row, (batch,), exact or estimated; differentiable in the weights."""
        if self.probes is None and net.encoder_is_identity and hasattr(net.bottleneck, "jacobian_norm"):
            return net.bottleneck.jacobian_norm(p.x_in)
        # Of what the encoder is given: categories one-hot, counts as shares.  Neither a code of a
        # category nor a row of no counts has a slope.
        x = net.embed(p.x_in).detach().requires_grad_()
        mean = net.bottleneck(net.encoder(x)).mean.flatten(1)
        if self.probes is None:
            directions = torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)
            directions = directions[:, None, :].expand(-1, *mean.shape)
        else:
            signs = torch.empty(self.probes, *mean.shape, dtype=mean.dtype, device=mean.device)
            directions = signs.bernoulli_(0.5, generator=p.gen or generator(0, x.device)) * 2 - 1
        total = torch.zeros_like(mean[:, 0])
        for v in directions:
            (row,) = torch.autograd.grad(mean, x, v, create_graph=True)
            total = total + row.flatten(1).square().sum(1)
        return total if self.probes is None else total / self.probes
