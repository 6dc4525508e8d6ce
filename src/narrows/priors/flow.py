"""A normalising flow as the prior: RealNVP (Dinh, Sohl-Dickstein & Bengio 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import LOG_2PI, init_layer, normal
from narrows.priors._mixing import estimated_kl

REACH = 2.0  # of a layer's log-scale, either way


@dataclass(frozen=True)
class Flow:
    """p(z) = N(f(z); 0, I) |det ∂f/∂z| with f a chain of affine couplings, learned with the model.

    Each of ``layers`` leaves every other number of z as it is and maps the rest, y = z·eˢ + t, by a network
    of those (two layers of ``hidden`` units), the halves taking turns (Dinh et al. 2017, "Density
    estimation using Real NVP", equations 7 and 9).  It begins as the identity, where the prior is the
    standard normal.  The divergence is estimated at the draw of z.

    >>> Flow(layers=6)
    Flow(layers=6, hidden=64)
    """

    layers: int = 4
    hidden: int = 64

    def __post_init__(self) -> None:
        for name, value in (("layers", self.layers), ("hidden", self.hidden)):
            if not (isinstance(value, Integral) and value >= 1):
                raise ValueError(
                    f"Flow prior got {name}={value!r}, but needs a whole number of them: pass 1 or more."
                )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Flow(self, shapes.code)


class _Flow(nn.Module):
    def __init__(self, part: Flow, code: tuple[int, ...]):
        super().__init__()
        self.code, dims = code, math.prod(code)
        self.couplings = nn.ModuleList(_Coupling(dims, int(part.hidden), i % 2) for i in range(part.layers))
        self.register_buffer("origin", torch.zeros(dims))

    def kl(self, mean: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q ‖ p), (batch, 1), nats: estimated at the draw z."""
        return estimated_kl(logvar, self.log_prob(z))

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), (batch,), nats."""
        z = z.flatten(1)
        stretch = z.new_zeros(len(z))
        for coupling in self.couplings:
            scale, shift = coupling(z)
            z = z * scale.exp() + shift
            stretch = stretch + scale.sum(1)
        return stretch - 0.5 * (z.square() + LOG_2PI).sum(1)

    def draw(self, n: int, gen: torch.Generator) -> Tensor:
        """n codes, (n, \\*code)."""
        z = normal(self.origin.expand(n, -1), gen)
        for coupling in reversed(self.couplings):
            scale, shift = coupling(z)
            z = (z - shift) * (-scale).exp()
        return z.unflatten(1, self.code)


class _Coupling(nn.Module):
    """Log-scale and shift of each number, 0 for those that stay, from those alone."""

    def __init__(self, dims: int, hidden: int, first: int):
        super().__init__()
        self.register_buffer("moves", ((torch.arange(dims) + first) % 2).to(torch.get_default_dtype()))
        self.inner = nn.Sequential(
            init_layer(nn.Linear(dims, hidden), "silu"),
            nn.SiLU(),
            init_layer(nn.Linear(hidden, hidden), "silu"),
            nn.SiLU(),
        )
        self.last = nn.Linear(hidden, 2 * dims)
        for start in (self.last.weight, self.last.bias):
            nn.init.zeros_(start)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.last(self.inner(z * (1 - self.moves))).chunk(2, 1)
        return REACH * (scale / REACH).tanh() * self.moves, shift * self.moves
