"""Fully connected layers: any depth, the decoder a mirror of the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.backbones._sparse_linear import SparseLinear
from narrows.contracts import Shapes
from narrows.numerics import Dropout, activation, check_activation, init_layer


@dataclass(frozen=True)
class MLP:
    """Dense layers of the given widths, then their mirror image.

    ``hidden``      widths from the input inwards; ``()`` puts the bottleneck straight on the input.
    ``activation``  after every hidden layer.
    ``dropout``     share of hidden units dropped in training.
    ``tied``        the decoder uses the encoder's weights transposed, with biases of its own
                    (Vincent et al. 2010, section 3.2): half the parameters, and less overfitting.
    ``input_dropout``  share of what the encoder is given that is dropped in training, the rest scaled up.
    ``sparse``      rows are mostly zeros (what users have, words of texts): the first layer passes over these.

    >>> MLP(hidden=(512, 128), activation="gelu")
    MLP(hidden=(512, 128), activation='gelu', dropout=0.0, tied=False, input_dropout=0.0, sparse=False)
    """

    hidden: tuple[int, ...] = (256, 64)
    activation: str = "relu"
    dropout: float = 0.0
    tied: bool = False
    input_dropout: float = 0.0
    sparse: bool = False
    side = None

    def __post_init__(self) -> None:
        hidden = (self.hidden,) if isinstance(self.hidden, Integral) else tuple(self.hidden)
        object.__setattr__(self, "hidden", hidden)
        if not all(isinstance(h, Integral) and h >= 1 for h in hidden):
            raise ValueError(
                f"MLP got hidden={self.hidden!r}, but needs layer widths: pass whole numbers ≥ 1."
            )
        check_activation(self.activation)
        for name in ("dropout", "input_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"MLP got {name}={getattr(self, name)!r}, but needs a share: pass 0 ≤ {name} < 1."
                )
        if self.sparse and (self.tied or not hidden):
            raise ValueError(
                f"MLP got sparse=True with {'tied=True' if self.tied else 'hidden=()'}, but it is the first hidden"
                " layer that passes over zeros, with weights of its own: pass tied=False and widths in hidden."
            )

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        encoder = _Encoder(self, math.prod(shapes.input))
        decoder = _TiedDecoder(self, shapes) if self.tied else _Decoder(self, shapes)
        return encoder, decoder


class _Encoder(nn.Module):
    def __init__(self, part: MLP, features: int):
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        widths = (features, *part.hidden)
        if part.sparse:
            first = SparseLinear(features, widths[1], part.input_dropout, part.activation)
            layers += [first, activation(part.activation)]
            layers += [Dropout(part.dropout)] if part.dropout else []
            widths = widths[1:]
        elif part.input_dropout:
            layers.append(Dropout(part.input_dropout))
        for a, b in pairwise(widths):
            layers += [init_layer(nn.Linear(a, b), part.activation), activation(part.activation)]
            layers += [Dropout(part.dropout)] if part.dropout else []
        self.layers = nn.Sequential(*layers)
        self.hidden = (part.hidden[-1] if part.hidden else features,)
        self.is_identity = not part.hidden and not part.input_dropout

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _side_width(shapes: Shapes) -> int:
    return 0 if shapes.side is None else math.prod(shapes.side)


class _Decoder(nn.Module):
    def __init__(self, part: MLP, shapes: Shapes):
        super().__init__()
        self.out = shapes.out
        widths = (math.prod(shapes.code) + _side_width(shapes), *reversed(part.hidden))
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [init_layer(nn.Linear(a, b), part.activation), activation(part.activation)]
            layers += [Dropout(part.dropout)] if part.dropout else []
        layers.append(init_layer(nn.Linear(widths[-1], math.prod(self.out)), None))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        z = z.flatten(1)
        if side is not None:
            z = torch.cat([z, side.flatten(1)], 1)
        out = self.layers(z)
        return out if len(self.out) == 1 else out.unflatten(1, self.out)

    def start(self, level: Tensor) -> None:
        """Put the output at ``level``, one number per entry of the row's first axis, for a code of zeros."""
        self.layers[-1].bias.copy_(_spread(level, self.out))


def _spread(level: Tensor, out: tuple[int, ...]) -> Tensor:
    """Levels (row[0],) repeated over the output's channels and places, flat."""
    level = level.repeat(out[0] // len(level))
    return level.view(-1, *(1 for _ in out[1:])).expand(out).flatten()


class _TiedDecoder(nn.Module):
    """The encoder's and the bottleneck's linear maps transposed, last to first."""

    def __init__(self, part: MLP, shapes: Shapes):
        super().__init__()
        if shapes.out != shapes.input or shapes.side is not None:
            raise ValueError(
                f"MLP(tied=True) got an input of shape {shapes.input} and an output of shape {shapes.out}"
                f"{' with a side input' if shapes.side else ''}, but tied weights need equal ones: pass tied=False."
            )
        self.out = shapes.out
        self.phi = activation(part.activation)
        self.dropout = Dropout(part.dropout) if part.dropout else nn.Identity()
        widths = (*reversed(part.hidden), math.prod(self.out))
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(w)) for w in widths])
        # A plain tuple, so that the shared layers stay the encoder's own and are saved once.
        self._mirrored: tuple[nn.Linear, ...] = ()

    def tie(self, net: nn.Module) -> None:
        inwards = [m for m in net.encoder.modules() if isinstance(m, nn.Linear)]
        self._mirrored = (net.bottleneck.project.linear, *reversed(inwards))

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        for i, (layer, bias) in enumerate(zip(self._mirrored, self.biases, strict=True)):
            if i:
                z = self.dropout(self.phi(z))
            z = nn.functional.linear(z, layer.weight.T, bias)
        return z if len(self.out) == 1 else z.unflatten(1, self.out)

    def start(self, level: Tensor) -> None:
        """Put the output at ``level``, one number per entry of the row's first axis, for a code of zeros."""
        self.biases[-1].copy_(_spread(level, self.out))
