"""Convolutions over images, the decoder a mirror of the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

from torch import Tensor, nn
from torch.nn.functional import interpolate

from narrows.backbones._convolution import RowsInside, Strided, Transposed, half, quick, rows_inside
from narrows.contracts import Shapes
from narrows.numerics import Dropout, activation, check_activation, init_layer

RESAMPLINGS = ("stride", "pool")


@dataclass(frozen=True)
class Conv2d:
    """One 3×3 block per entry of ``channels``, each halving height and width (rounded up), and
    the mirror image back to exactly the input's size.

    ``channels``    feature maps of each block, from the input inwards.
    ``activation``  after every block.
    ``resample``    "stride" (strided convolutions, transposed on the way back) or "pool"
                    (max-pooling, and nearest-neighbour upsampling before a convolution).
    ``kernel``      odd width of the filters.
    ``dropout``     share of the innermost features dropped in training.

    Any height, width and number of channels; a side that has shrunk to 1 is not halved further.

    >>> Conv2d(channels=(16, 32))
    Conv2d(channels=(16, 32), activation='relu', resample='stride', kernel=3, dropout=0.0)
    """

    channels: tuple[int, ...] = (16, 32)
    activation: str = "relu"
    resample: str = "stride"
    kernel: int = 3
    dropout: float = 0.0
    side = None

    def __post_init__(self) -> None:
        channels = (self.channels,) if isinstance(self.channels, Integral) else tuple(self.channels)
        object.__setattr__(self, "channels", channels)
        if not channels or not all(isinstance(c, Integral) and c >= 1 for c in channels):
            raise ValueError(
                f"Conv2d got channels={self.channels!r}, but needs at least one block: pass (16, 32)."
            )
        if self.resample not in RESAMPLINGS:
            raise ValueError(f"Conv2d got resample={self.resample!r}, but expected 'stride' or 'pool'.")
        if not (isinstance(self.kernel, Integral) and self.kernel >= 3 and self.kernel % 2):
            raise ValueError(f"Conv2d got kernel={self.kernel!r}, but needs an odd width: pass 3 or 5.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"Conv2d got dropout={self.dropout!r}, but needs a share: pass 0 ≤ dropout < 1.")
        check_activation(self.activation)

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if len(shapes.input) != 3:
            raise ValueError(
                f"Conv2d got rows of shape {shapes.input}, but needs images: pass an array of shape (n, height, width)"
                f" or (n, height, width, channels), or the backbone MLP for flat rows."
            )
        if shapes.side is not None:
            raise ValueError(
                "Conv2d got a side input, but its decoder takes codes alone: use the backbone MLP."
            )
        sizes = [shapes.input[1:]]
        for _ in self.channels:
            sizes.append(half(sizes[-1]))
        return _Encoder(self, shapes, sizes), _Decoder(self, shapes, sizes)


class _Encoder(nn.Module):
    is_identity = False

    def __init__(self, part: Conv2d, shapes: Shapes, sizes: list[tuple[int, int]]):
        super().__init__()
        block = _strided if part.resample == "stride" else _pooled
        widths = (shapes.input[0], *part.channels)
        layers = [m for i, size in enumerate(sizes[:-1]) for m in block(part, *widths[i : i + 2], size)]
        layers += [Dropout(part.dropout)] if part.dropout else []
        self.layers = nn.Sequential(*layers)
        self.hidden = (widths[-1], *sizes[-1])

    def forward(self, x: Tensor) -> Tensor:
        h = self.layers(x)
        return h if h.is_contiguous() else RowsInside.apply(h)


def _strided(part: Conv2d, c_in: int, c_out: int, size: tuple[int, int]) -> list[nn.Module]:
    layer = Strided(c_in, c_out, part.kernel, size)
    return [init_layer(layer, part.activation), activation(part.activation)]


def _pooled(part: Conv2d, c_in: int, c_out: int, size: tuple[int, int]) -> list[nn.Module]:
    layer = nn.Conv2d(c_in, c_out, part.kernel, padding=part.kernel // 2)
    pool = nn.MaxPool2d(2, ceil_mode=True)
    return [init_layer(layer, part.activation), activation(part.activation), pool]


class _Decoder(nn.Module):
    def __init__(self, part: Conv2d, shapes: Shapes, sizes: list[tuple[int, int]]):
        super().__init__()
        self.inner = (part.channels[-1], *sizes[-1])
        self.spread = init_layer(nn.Linear(math.prod(shapes.code), math.prod(self.inner)), part.activation)
        self.phi = activation(part.activation)
        self.dropout = Dropout(part.dropout) if part.dropout else nn.Identity()
        grow = Transposed if part.resample == "stride" else _Upsampled
        widths = (*reversed(part.channels), shapes.out[0])
        blocks: list[nn.Module] = []
        for i, size in enumerate(reversed(sizes[:-1])):
            last = i == len(part.channels) - 1
            layer = grow(widths[i], widths[i + 1], part.kernel, size)
            blocks.append(init_layer(layer, None if last else part.activation))
            blocks += [] if last else [activation(part.activation)]
        self.blocks = nn.Sequential(*blocks)

    def start(self, level: Tensor) -> None:
        """Put the output near ``level``, one number per channel."""
        bias = self.blocks[-1].bias
        bias.copy_(level.repeat(len(bias) // len(level)))

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        h = self.spread(z.flatten(1)).unflatten(1, self.inner)
        h = rows_inside(h) if quick(self.blocks[0], h) else h
        return self.blocks(self.dropout(self.phi(h))).contiguous()


class _Upsampled(nn.Conv2d):
    """Nearest-neighbour upsampling to the wanted size, then a convolution: no checkerboards
    (Odena et al. 2016)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, size: tuple[int, int]):
        super().__init__(c_in, c_out, kernel, padding=kernel // 2)
        self.size = size

    def forward(self, h: Tensor) -> Tensor:
        return super().forward(interpolate(h, size=self.size, mode="nearest"))
