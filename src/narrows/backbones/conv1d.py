"""Convolutions along time, the decoder a mirror of the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import Dropout, activation, check_activation, init_layer


@dataclass(frozen=True)
class Conv1d:
    """One strided convolution per entry of ``channels``, each halving the length (rounded up), and
    transposed convolutions back to exactly the input's length.

    ``channels``    feature maps of each block, from the input inwards.
    ``kernel``      odd width of the filters, in samples.
    ``activation``  after every block.
    ``dropout``     share of the innermost features dropped in training.

    Rows are (channels, time) of any length and number of channels; a signal that has shrunk to one
    sample is not halved further.  Filters that slide along time are those of Waibel et al. 1989
    ("Phoneme recognition using time-delay neural networks"), strides in place of pooling and the
    mirrored way back those of Radford et al. 2016 (DCGAN, section 3).

    >>> Conv1d(channels=(32, 64))
    Conv1d(channels=(32, 64), kernel=7, activation='relu', dropout=0.0)
    """

    channels: tuple[int, ...] = (32, 64)
    kernel: int = 7
    activation: str = "relu"
    dropout: float = 0.0
    side = None
    signals = True  # arrays of three axes are signals to it, not images

    def __post_init__(self) -> None:
        channels = (self.channels,) if isinstance(self.channels, Integral) else tuple(self.channels)
        object.__setattr__(self, "channels", channels)
        if not channels or not all(isinstance(c, Integral) and c >= 1 for c in channels):
            raise ValueError(
                f"Conv1d got channels={self.channels!r}, but needs at least one block: pass (32, 64)."
            )
        if not (isinstance(self.kernel, Integral) and self.kernel >= 3 and self.kernel % 2):
            raise ValueError(f"Conv1d got kernel={self.kernel!r}, but needs an odd width: pass 3, 5 or 7.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"Conv1d got dropout={self.dropout!r}, but needs a share: pass 0 ≤ dropout < 1.")
        check_activation(self.activation)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if len(shapes.input) != 2:
            raise ValueError(
                f"Conv1d got rows of shape {shapes.input}, but needs signals: pass an array of shape"
                " (n, time, channels), input=Signals(window=…) for long series, or another backbone."
            )
        if shapes.side is not None:
            raise ValueError(
                "Conv1d got a side input, but its decoder takes codes alone: use the backbone MLP."
            )
        lengths = [shapes.input[1]]
        for _ in self.channels:
            lengths.append((lengths[-1] + 1) // 2)
        return _Encoder(self, shapes, lengths), _Decoder(self, shapes, lengths)


class _Encoder(nn.Module):
    """(batch, channels, time) → (batch, last width, time / 2^blocks)."""

    is_identity = False

    def __init__(self, part: Conv1d, shapes: Shapes, lengths: list[int]):
        super().__init__()
        layers: list[nn.Module] = []
        widths = (shapes.input[0], *part.channels)
        for c_in, c_out in zip(widths, part.channels, strict=False):
            layer = nn.Conv1d(c_in, c_out, part.kernel, stride=2, padding=part.kernel // 2)
            layers += [init_layer(layer, part.activation), activation(part.activation)]
        layers += [Dropout(part.dropout)] if part.dropout else []
        self.layers = nn.Sequential(*layers)
        self.hidden = (widths[-1], lengths[-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _Decoder(nn.Module):
    """(batch, *code) → (batch, *shapes.out)."""

    def __init__(self, part: Conv1d, shapes: Shapes, lengths: list[int]):
        super().__init__()
        self.inner = (part.channels[-1], lengths[-1])
        self.spread = init_layer(nn.Linear(math.prod(shapes.code), math.prod(self.inner)), part.activation)
        self.phi = activation(part.activation)
        self.dropout = Dropout(part.dropout) if part.dropout else nn.Identity()
        widths = (*reversed(part.channels), shapes.out[0])
        blocks: list[nn.Module] = []
        for i, length in enumerate(reversed(lengths[:-1])):
            last = i == len(part.channels) - 1
            layer = _transposed(widths[i], widths[i + 1], part.kernel, length)
            blocks.append(init_layer(layer, None if last else part.activation))
            blocks += [] if last else [activation(part.activation)]
        self.blocks = nn.Sequential(*blocks)

    def start(self, level: Tensor) -> None:
        """Put the output near ``level``, one number per channel."""
        bias = self.blocks[-1].bias
        bias.copy_(level.repeat(len(bias) // len(level)))

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        h = self.phi(self.spread(z.flatten(1))).unflatten(1, self.inner)
        return self.blocks(self.dropout(h))


def _transposed(c_in: int, c_out: int, kernel: int, length: int) -> nn.Module:
    """Back to exactly ``length`` from half of it, rounded up: from n samples it reaches 2n − 1 by
    itself, so a signal of even length needs one more."""
    spare = 1 - length % 2
    return nn.ConvTranspose1d(c_in, c_out, kernel, stride=2, padding=kernel // 2, output_padding=spare)
