"""Encoder and decoder learn in turns, one from incomplete rows, the other from whole ones (Shenbin et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.backbones.mlp import MLP
from narrows.contracts import Part, Shapes
from narrows.numerics import Dropout

DECODING = ("decoder.", "likelihood.")  # what the names of the decoder's weights begin with


@dataclass(frozen=True)
class Alternating:
    """The networks of another ``backbone``, of which the encoder is trained for ``encoder`` epochs, then the
    decoder for ``decoder``, and so on; the other one stays as it is meanwhile.

    ``dropout``  share of what the encoder is given that is dropped while it learns, the rest scaled up for it
                 (Srivastava et al. 2014).  The decoder, a simpler network, learns from whole rows.

    The bottleneck learns with the encoder, the likelihood's own numbers with the decoder.  Each side has an
    optimiser of its own, which waits while the other one learns.  More training of a model takes up the round
    where it was.  Shenbin et al. 2020, "RecVAE: a new variational autoencoder for top-N recommendations with
    implicit feedback".

    >>> Alternating(MLP((64,)), encoder=2).decoder
    1
    """

    backbone: Part = field(default_factory=MLP)
    encoder: int = 3
    decoder: int = 1
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, Part) or isinstance(self.backbone, type):
            raise ValueError(
                f"Alternating got backbone={self.backbone!r}, but needs a part of narrows.backbones: pass"
                " backbones.MLP()."
            )
        for name, value in (("encoder", self.encoder), ("decoder", self.decoder)):
            if not (isinstance(value, Integral) and value >= 1):
                raise ValueError(
                    f"Alternating got {name}={value!r}, but needs a whole number of epochs: pass 1 or more."
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"Alternating got dropout={self.dropout!r}, but needs a share: pass 0 ≤ dropout < 1."
            )

    @property
    def side(self) -> str | None:
        return self.backbone.side

    @property
    def signals(self) -> bool:
        return getattr(self.backbone, "signals", False)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        encoder, decoder = self.backbone.build(shapes)
        return _Encoder(self, encoder), decoder


class _Encoder(nn.Module):
    settled = True  # steps of one turn are alike
    is_identity = False

    def __init__(self, part: Alternating, encoder: nn.Module):
        super().__init__()
        self.rounds = int(part.encoder), int(part.decoder)
        self.dropout, self.network = Dropout(part.dropout), encoder
        self.hidden, self.encoded = encoder.hidden, getattr(encoder, "encoded", False)
        self.decoding = False
        self.register_buffer("done", torch.zeros((), dtype=torch.long))  # epochs

    def turn(self, net: nn.Module) -> set[str]:
        """Names of the parameters that the next epoch trains."""
        first, second = self.rounds
        self.decoding = int(self.done) % (first + second) >= first
        named = (name for name, _ in net.named_parameters())
        return {name for name in named if name.startswith(DECODING) is self.decoding}

    def on_epoch(self, net: nn.Module, epoch: int) -> None:
        self.done += 1

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x if self.decoding else self.dropout(x))
