"""Recurrent networks: a signal is read into a summary, and unrolled from its code again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import init_layer

CELLS: dict[str, type[nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM}
PLACES = 16  # numbers that tell the decoder where in the signal it is


@dataclass(frozen=True)
class Recurrent:
    """An encoder that reads a signal sample by sample and keeps its last hidden state, and a decoder
    that writes one sample after the other from the code.

    ``hidden``         numbers in one hidden state.
    ``layers``         recurrent layers above each other, in the encoder and in the decoder.
    ``cell``           "gru" (Cho et al. 2014) or "lstm" (Hochreiter & Schmidhuber 1997).
    ``bidirectional``  read and write in both directions, a state of ``hidden`` numbers for each.

    The autoencoder of Srivastava et al. 2015 ("Unsupervised learning of video representations using
    LSTMs", section 2.2), whose decoder is given the code as Cho et al. 2014 do ("Learning phrase
    representations using RNN encoder–decoder", equations 5 and 8, section 2.2): it makes the first state,
    tanh(Vz), and is an input at every sample.  Nothing that was written is fed back, so that no errors
    build up over long signals; what tells samples apart besides is their place, as sines and cosines
    (Vaswani et al. 2017, section 3.5).  Rows are (channels, time).

    >>> Recurrent(hidden=32, cell="lstm")
    Recurrent(hidden=32, layers=1, cell='lstm', bidirectional=True)
    """

    hidden: int = 64
    layers: int = 1
    cell: str = "gru"
    bidirectional: bool = True
    side = None
    signals = True  # arrays of three axes are signals to it, not images

    def __post_init__(self) -> None:
        for name in ("hidden", "layers"):
            value = getattr(self, name)
            if not (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
                raise ValueError(f"Recurrent got {name}={value!r}, but needs some: pass a whole number ≥ 1.")
        if self.cell not in CELLS:
            raise ValueError(f"Recurrent got cell={self.cell!r}, but expected 'gru' or 'lstm'.")
        if not isinstance(self.bidirectional, bool):
            raise ValueError(
                f"Recurrent got bidirectional={self.bidirectional!r}, but expected True or False."
            )

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if len(shapes.input) != 2:
            raise ValueError(
                f"Recurrent got rows of shape {shapes.input}, but needs signals: pass an array of shape"
                " (n, time, channels), input=Signals(window=…) for long series, or another backbone."
            )
        if shapes.side is not None:
            raise ValueError(
                "Recurrent got a side input, but its decoder takes codes alone: use the backbone MLP."
            )
        return _Encoder(self, shapes), _Decoder(self, shapes)


def _network(part: Recurrent, inputs: int) -> nn.RNNBase:
    """The cell over ``inputs`` numbers per sample, (time, batch, inputs) → (time, batch, states).

    Orthogonal recurrent weights keep the length of gradients over many samples (Saxe et al. 2014), and
    so does an LSTM that begins with its forget gate open (Jozefowicz et al. 2015).
    """
    net = CELLS[part.cell](inputs, part.hidden, part.layers, bidirectional=part.bidirectional)
    for name, weight in net.named_parameters():
        if weight.ndim == 2:
            for gate in weight.detach().split(part.hidden):
                (nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_)(gate)
        else:
            nn.init.zeros_(weight)
            if part.cell == "lstm" and "bias_ih" in name:
                nn.init.ones_(weight.detach()[part.hidden : 2 * part.hidden])
    return net


class _Encoder(nn.Module):
    """(batch, channels, time) → the last state of the last layer, (batch, hidden · directions)."""

    is_identity = False
    replayable = False  # thousands of small operations take longer to record than replaying them saves

    def __init__(self, part: Recurrent, shapes: Shapes):
        super().__init__()
        self.directions = 1 + part.bidirectional
        self.recurrent = _network(part, shapes.input[0])
        self.hidden = (part.hidden * self.directions,)

    def forward(self, x: Tensor) -> Tensor:
        states = self.recurrent(x.permute(2, 0, 1))[1]
        last = states[0] if isinstance(states, tuple) else states  # of an LSTM without its cells
        return torch.cat(tuple(last[-self.directions :]), 1)


class _Decoder(nn.Module):
    """(batch, *code) → (batch, *shapes.out)."""

    replayable = False

    def __init__(self, part: Recurrent, shapes: Shapes):
        super().__init__()
        code, directions = math.prod(shapes.code), 1 + part.bidirectional
        self.states = (part.layers * directions, part.hidden)
        self.first = init_layer(nn.Linear(code, math.prod(self.states)), "tanh")
        self.recurrent = _network(part, code + PLACES)
        self.last = init_layer(nn.Linear(part.hidden * directions, shapes.out[0]), None)
        self.lstm = part.cell == "lstm"
        self.register_buffer("places", places(shapes.row[1]))

    def start(self, level: Tensor) -> None:
        """Put the output near ``level``, one number per channel."""
        self.last.bias.copy_(level.repeat(len(self.last.bias) // len(level)))

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        z = z.flatten(1)
        h = self.first(z).tanh().unflatten(1, self.states).transpose(0, 1).contiguous()
        time, batch = len(self.places), len(z)
        x = torch.cat([z.expand(time, -1, -1), self.places[:, None].expand(-1, batch, -1)], 2)
        written = self.recurrent(x, (h, torch.zeros_like(h)) if self.lstm else h)[0]
        return self.last(written).permute(1, 2, 0).contiguous()


def places(time: int) -> Tensor:
    """(time, PLACES): sines and cosines whose periods rise in equal ratios from 4 samples to twice the
    signal, so that each place has numbers of its own.

    >>> places(50).shape
    torch.Size([50, 16])
    """
    longest = max(2.0 * time, 4.0)
    periods = 4.0 * (longest / 4.0) ** torch.linspace(0, 1, PLACES // 2)
    turns = 2 * math.pi * torch.arange(time)[:, None] / periods
    return torch.cat([turns.sin(), turns.cos()], 1)
