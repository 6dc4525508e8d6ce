"""Dense layers that each see the sum of all before them (Shenbin et al. 2020, after Huang et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

from torch import Tensor, nn

from narrows.backbones.mlp import MLP
from narrows.contracts import Shapes
from narrows.numerics import activation, check_activation, init_layer

EPS = 0.1  # of layer normalisation: what hardly varies stays small


@dataclass(frozen=True)
class Dense:
    """h₁ = LN(φ(W₁x + b₁)), hₖ = LN(φ(Wₖhₖ₋₁ + bₖ + Σ_{j<k} hⱼ)): ``layers`` of ``width`` units each, every
    one of which also sees the sum of those before it; the decoder is linear.

    Shenbin et al. 2020, "RecVAE: a new variational autoencoder for top-N recommendations with implicit
    feedback"; LN is layer normalisation (Ba, Kiros & Hinton 2016), its ε = 0.1.

    >>> Dense(width=200, layers=3)
    Dense(width=200, layers=3, activation='silu')
    """

    width: int = 600
    layers: int = 5
    activation: str = "silu"
    side = None

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("layers", self.layers)):
            if not (isinstance(value, Integral) and value >= 1):
                raise ValueError(
                    f"Dense got {name}={value!r}, but needs a whole number of them: pass 1 or more."
                )
        check_activation(self.activation)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        return _Encoder(self, math.prod(shapes.input)), MLP(()).build(shapes)[1]


class _Encoder(nn.Module):
    is_identity = False

    def __init__(self, part: Dense, features: int):
        super().__init__()
        widths = (features, *[int(part.width)] * (part.layers - 1))
        self.layers = nn.ModuleList(
            init_layer(nn.Linear(w, int(part.width)), part.activation) for w in widths
        )
        self.norms = nn.ModuleList(nn.LayerNorm(int(part.width), eps=EPS) for _ in widths)
        self.phi = activation(part.activation)
        self.hidden = (int(part.width),)

    def forward(self, x: Tensor) -> Tensor:
        h, before = x.flatten(1), None
        for layer, norm in zip(self.layers, self.norms, strict=True):
            a = layer(h)
            h = norm(self.phi(a if before is None else a + before))
            before = h if before is None else before + h
        return h
