"""PCA with a nonlinear branch beside it: a network that starts where the best linear code is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.backbones.mlp import MLP
from narrows.baseline import ROWS, principal
from narrows.contracts import Shapes, Source


@dataclass(frozen=True)
class Principal:
    """Encoder x ↦ P(x − μ) + f(x), decoder z ↦ Pᵀz + μ + g(z), on flattened rows.

    P and μ are the principal components and the mean of up to 20,000 training rows; f and g are dense
    networks whose last layers start at zero.  So training begins exactly at PCA, whose optimum among linear
    codes f and g then leave behind (Baldi & Hornik 1989); both copies of P are trained, too.

    ``hidden``      widths of f from the input inwards, g mirrors them; ``()`` leaves the linear maps alone.
    ``activation``  after every hidden layer.

    >>> Principal(hidden=(512, 256))
    Principal(hidden=(512, 256), activation='silu')
    """

    hidden: tuple[int, ...] = (256,)
    activation: str = "silu"
    side = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", self._branch().hidden)

    def _branch(self) -> MLP:
        return MLP(self.hidden, self.activation)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if shapes.input != shapes.row or math.prod(shapes.out) != shapes.features:
            raise ValueError(
                f"Principal got rows of {shapes.features} entries that are {math.prod(shapes.input)} numbers to the"
                f" encoder and {math.prod(shapes.out)} to the decoder, but needs numbers without gaps and one output"
                " for each: pass a frame or an array of those, and a likelihood with a mean alone, such as 'normal'."
            )
        f, g = self._branch().build(shapes) if self.hidden else (None, None)
        return _Encoder(f, shapes), _Decoder(g, shapes)


class _Linear(nn.Module):
    """x ↦ P x with weights √(columns)·P: entries near 1, so that an optimiser whose steps have one size for all
    weights moves directions no faster than the rest."""

    def __init__(self, rows: int, columns: int):
        super().__init__()
        self.scale = 1 / math.sqrt(columns)
        self.weight = nn.Parameter(torch.empty(rows, columns))
        nn.init.orthogonal_(self.weight, 1 / self.scale)

    def start(self, p: Tensor) -> None:
        """Begin with the rows of p, (at most rows, columns); the others are zero."""
        self.weight.zero_()
        self.weight[: len(p)] = p / self.scale


class _Encoder(nn.Module):
    is_identity = False
    encoded = True

    def __init__(self, f: nn.Module | None, shapes: Shapes):
        super().__init__()
        self.hidden = (shapes.latent_dim,)
        self.linear = _Linear(shapes.latent_dim, shapes.features)
        self.register_buffer("centre", torch.zeros(shapes.features))
        self.f = (
            None if f is None else nn.Sequential(f, _zero(nn.Linear(math.prod(f.hidden), shapes.latent_dim)))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        y = nn.functional.linear(x - self.centre, self.linear.weight) * self.linear.scale
        return y if self.f is None else y + self.f(x)

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Begin at PCA, here and in the decoder; components that the rows have not are zero."""
        rows = source.head(ROWS).flatten(1)
        k = len(self.linear.weight)
        found = principal(rows.cpu().numpy(), k, gen.initial_seed())
        p, centre = (torch.from_numpy(a).to(rows) for a in (found.components, found.mean))
        for half in (net.encoder, net.decoder):
            half.linear.start(p)
            half.centre.copy_(centre)


class _Decoder(nn.Module):
    def __init__(self, g: nn.Module | None, shapes: Shapes):
        super().__init__()
        self.out = shapes.out
        self.linear = _Linear(shapes.latent_dim, shapes.features)
        self.register_buffer("centre", torch.zeros(shapes.features))
        self.g = g
        if g is not None:
            _zero(g.layers[-1])

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        x = torch.addmm(self.centre, z * self.linear.scale, self.linear.weight)
        x = x.unflatten(1, self.out)
        return x if self.g is None else x + self.g(z)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
