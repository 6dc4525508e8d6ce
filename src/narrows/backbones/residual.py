"""A residual network of convolutions: the noise is predicted, and taken from the input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.backbones._level import noise_level
from narrows.contracts import Shapes
from narrows.numerics import activation, check_activation, init_layer


@dataclass(frozen=True)
class Residual:
    """``layers`` convolutions that keep their size, over pictures or signals; what they put out is taken
    from the input.  The first half encodes, the other decodes.

    x̂ = x̃ − g(f(x̃)).  Zhang et al. 2017, "Beyond a Gaussian denoiser" (DnCNN), equation 1; folding and
    the level of noise as an input: Zhang et al. 2018, "FFDNet", section III.

    ``channels``    feature maps between the layers.
    ``layers``      convolutions in all, at least 2.
    ``kernel``      odd width of the filters.
    ``dilations``   distances between the taps of a filter, layer by layer and over again: a wide view for
                    nothing.
    ``fold``        every ``fold`` × ``fold`` block of pixels (``fold`` samples) becomes one with so many
                    more channels, which makes the layers so many times cheaper and their view wider.
    ``told``        the input may have one more channel than a row: the standard deviation of its noise, in
                    scaled units.  Where it has not, the network estimates that level by itself.
    ``rounded``     products are rounded to bfloat16 in training, where the processor has instructions for
                    it; weights and answers stay as they are.

    The code is meant to be as large as the features, so that it is no bottleneck: a ``latent_dim`` of
    :meth:`width`.  Then the network answers for pictures and signals of any size.  Any other
    ``latent_dim`` goes through the bottleneck's linear map.  The decoder sees the input, so that codes
    alone cannot be decoded.

    >>> Residual(channels=16, layers=4).width((1, 8, 8))
    256
    """

    channels: int = 64
    layers: int = 10
    kernel: int = 3
    dilations: tuple[int, ...] = (1,)
    fold: int = 2
    activation: str = "relu"
    told: bool = False
    rounded: bool = True
    side = "input"

    def __post_init__(self) -> None:
        dilations = (self.dilations,) if isinstance(self.dilations, Integral) else tuple(self.dilations)
        object.__setattr__(self, "dilations", dilations)
        least = {"channels": 1, "layers": 2, "kernel": 1, "fold": 1}
        for name, value in [*((n, getattr(self, n)) for n in least), *(("dilations", d) for d in dilations)]:
            if not isinstance(value, Integral) or value < least.get(name, 1):
                raise ValueError(
                    f"Residual got {name}={getattr(self, name)!r}, but needs whole numbers ≥ {least.get(name, 1)}:"
                    f" pass {least.get(name, 1)} or more."
                )
        if self.kernel % 2 == 0 or not dilations:
            what = "kernel" if dilations else "dilations"
            raise ValueError(
                f"Residual got {what}={getattr(self, what)!r}, but needs an odd width and at least one distance: pass"
                " kernel=3 and dilations=(1,)."
            )
        check_activation(self.activation)

    @property
    def reach(self) -> int:
        """How far from a pixel the input may lie that its answer depends on."""
        steps = sum(self.dilations[i % len(self.dilations)] for i in range(self.layers))
        return self.fold * ((self.kernel // 2) * steps + 1)

    def width(self, row: tuple[int, ...]) -> int:
        """Numbers in the features of one row: the ``latent_dim`` without a narrow code."""
        return self.channels * math.prod(-(-n // self.fold) for n in row[1:])

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if len(shapes.input) not in (2, 3):
            raise ValueError(
                f"Residual got rows of shape {shapes.input}, but needs images or signals: pass an array of shape"
                " (n, height, width), input=Signals(), or the backbone MLP for flat rows."
            )
        return _Encoder(self, shapes), _Decoder(self, shapes)


class _Stack(nn.Module):
    """Convolutions ``first`` to ``last`` of those that the part describes."""

    def __init__(self, part: Residual, widths: list[int], first: int, last: int, flat: bool):
        super().__init__()
        kind = nn.Conv1d if flat else nn.Conv2d
        self.rounded, self.last = part.rounded, last == part.layers
        self.layers = nn.ModuleList()
        for i in range(first, last):
            apart = part.dilations[i % len(part.dilations)]
            layer = kind(
                widths[i], widths[i + 1], part.kernel, padding=apart * (part.kernel // 2), dilation=apart
            )
            self.layers.append(init_layer(layer, part.activation))
        if self.last:  # at first hardly anything is taken from the input
            with torch.no_grad():
                self.layers[-1].weight.mul_(0.01)
        self.phi = activation(part.activation)

    def forward(self, h: Tensor) -> Tensor:
        dtype = torch.bfloat16 if self.rounded and _rounds(h) else h.dtype
        h = h.to(dtype)
        if h.ndim == 4:  # the channels innermost: the library's fast way, and the only one in bfloat16
            h = h.contiguous(memory_format=torch.channels_last)
        for i, layer in enumerate(self.layers):
            h = layer._conv_forward(h, layer.weight.to(dtype), layer.bias.to(dtype))
            if not (self.last and i == len(self.layers) - 1):
                h = self.phi(h)
        return h


def _rounds(h: Tensor) -> bool:
    """Whether products may be rounded: in training, in float32, by a processor that is faster for it."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return (
        h.dtype == torch.float32
        and h.device.type == "cpu"
        and torch.is_grad_enabled()
        and bool(asked and asked())
    )


class _Encoder(nn.Module):
    is_identity = False

    def __init__(self, part: Residual, shapes: Shapes):
        super().__init__()
        self.part, self.rows = part, shapes.input[0]
        flat = len(shapes.input) == 2
        cells = part.fold ** (len(shapes.input) - 1)
        outer = shapes.input[0] * cells + part.told
        widths = [outer, *[part.channels] * (part.layers - 1), shapes.out[0] * cells]
        self.stack = _Stack(part, widths, 0, part.layers // 2, flat)
        self.hidden = (part.channels, *(-(-n // part.fold) for n in shapes.input[1:]))
        self.encoded = math.prod(self.hidden) == math.prod(shapes.code)

    def forward(self, x: Tensor) -> Tensor:
        rows, level = x[:, : self.rows], x[:, self.rows :]
        h = folded(rows, self.part.fold)
        if self.part.told:
            level = level.flatten(1)[:, 0] if level.shape[1] else self.level(rows)  # one for all of a row
            h = torch.cat([h, level.view(-1, *[1] * (x.ndim - 1)).expand(-1, 1, *h.shape[2:])], 1)
        return self.stack(h).to(x.dtype).contiguous()

    def level(self, rows: Tensor) -> Tensor:
        """What the network takes the noise of rows for where nobody tells it, (n,)."""
        return noise_level(rows)


class _Decoder(nn.Module):
    def __init__(self, part: Residual, shapes: Shapes):
        super().__init__()
        self.part, self.rows, self.out = part, shapes.input[0], shapes.out
        flat = len(shapes.input) == 2
        inner = (part.channels, *(-(-n // part.fold) for n in shapes.input[1:]))
        self.open = math.prod(shapes.code) == math.prod(inner)  # no linear map: any size will do
        self.spread = None
        if not self.open:
            self.spread = init_layer(nn.Linear(math.prod(shapes.code), math.prod(inner)), part.activation)
        cells = part.fold ** (len(shapes.input) - 1)
        widths = [0, *[part.channels] * (part.layers - 1), shapes.out[0] * cells]
        self.stack = _Stack(part, widths, part.layers // 2, part.layers, flat)
        self.adds = shapes.out[0] == self.rows

    def forward(self, z: Tensor, side: Tensor) -> Tensor:
        sizes = side.shape[2:]
        inner = [-(-n // self.part.fold) for n in sizes]
        z = z.flatten(1) if self.spread is None else self.spread(z.flatten(1))
        h = self.stack(z.unflatten(1, (self.part.channels, *inner))).to(z.dtype)
        out = unfolded(h, self.part.fold, tuple(sizes))
        return (side[:, : self.rows] - out if self.adds else out).contiguous()


def folded(x: Tensor, fold: int) -> Tensor:
    """(n, c, …) with every block of ``fold`` pixels along each side as one of more channels; the edges are
    repeated to whole blocks.

    >>> folded(torch.arange(5.0).view(1, 1, 5), 2).tolist()
    [[[0.0, 2.0, 4.0], [1.0, 3.0, 4.0]]]
    """
    if fold == 1:
        return x
    lacking = [-n % fold for n in x.shape[2:]]
    if any(lacking):
        for axis, k in enumerate(
            lacking, 2
        ):  # by hand: torch refuses to repeat a side of one pixel in some layouts
            x = torch.cat([x, *[x.narrow(axis, x.shape[axis] - 1, 1)] * k], axis) if k else x
    n, c, *sizes = x.shape
    if len(sizes) == 2:
        return torch.nn.functional.pixel_unshuffle(x, fold)
    return x.view(n, c, sizes[0] // fold, fold).transpose(2, 3).reshape(n, c * fold, -1)


def unfolded(h: Tensor, fold: int, sizes: tuple[int, ...]) -> Tensor:
    """The inverse of :func:`folded`, cut to ``sizes``."""
    if fold > 1 and len(sizes) == 2:
        h = torch.nn.functional.pixel_shuffle(h, fold)
    elif fold > 1:
        n, c, t = h.shape
        h = h.view(n, c // fold, fold, t).transpose(2, 3).reshape(n, c // fold, t * fold)
    for axis, size in enumerate(sizes, 2):
        h = h.narrow(axis, 0, size)
    return h


__all__ = ["Residual"]
