"""A mask over short-time spectra: how much of each frequency is signal, time by time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv1d, conv_transpose1d

from narrows.backbones._level import noise_level
from narrows.contracts import Shapes
from narrows.numerics import activation, check_activation, init_layer

NEAR = (3, 5)  # frequencies and frames whose power is averaged
SILENT = 0.02  # the least gain that the mask starts from
HOPS = 4  # frames that cover a sample


@dataclass(frozen=True)
class Spectral:
    """Signals as overlapping frames and their Fourier transforms, each coefficient times a number in (0, 1)
    that a network of convolutions over time says from all of them.

    x̂ = S*(σ(n(ln(1 + |Sx̃|²/N)) + logit g) · Sx̃), S the short-time Fourier transform (square root of Hann's
    window, four frames to a sample, S*S = 1), N the mean of |S·noise|².  The mask begins at the gain of the
    empirical Wiener filter, g = 1 − N/P with the power P a mean over neighbouring coefficients, and the
    network n learns what signals like those in training make of it: on speakers that it has not heard the
    filter alone is hard to beat.  Wang & Chen 2018, "Supervised speech separation based on deep learning",
    section IV.

    ``frame``     samples in a frame, a multiple of 4.
    ``channels``  feature maps between the layers.
    ``layers``    convolutions in all, at least 2.
    ``kernel``    odd width of the filters, in frames.
    ``told``      the input may have one more channel than a row: the standard deviation of its noise.
                  Where it has not, the network estimates that level by itself.

    Channels of a signal are masked one by one.  As with :class:`Residual`, a ``latent_dim`` of :meth:`width`
    makes the code no bottleneck, and signals of any length go through.

    >>> Spectral(frame=64, channels=16, layers=4).width((1, 256))
    304
    """

    frame: int = 256
    channels: int = 128
    layers: int = 5
    kernel: int = 5
    activation: str = "relu"
    told: bool = False
    side = "input"

    def __post_init__(self) -> None:
        for name, least in (("frame", 4), ("channels", 1), ("layers", 2), ("kernel", 1)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(
                    f"Spectral got {name}={value!r}, but needs a whole number ≥ {least}: pass {least} or more."
                )
        if self.frame % HOPS or self.kernel % 2 == 0:
            raise ValueError(
                f"Spectral got frame={self.frame!r} and kernel={self.kernel!r}, but needs a multiple of {HOPS} and an"
                " odd width: pass frame=256 and kernel=5."
            )
        check_activation(self.activation)

    @property
    def fold(self) -> int:
        """Samples from one frame to the next."""
        return self.frame // HOPS

    @property
    def reach(self) -> int:
        """How far from a sample the input may lie that its answer depends on."""
        return 2 * self.frame + self.fold * (self.layers * (self.kernel // 2) + NEAR[1] // 2)

    def frames(self, samples: int) -> int:
        """How many frames hold some of so many samples."""
        return -(-samples // self.fold) + HOPS - 1

    def width(self, row: tuple[int, ...]) -> int:
        """Numbers in the features of one row: the ``latent_dim`` without a narrow code."""
        return row[0] * self.channels * self.frames(row[1])

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        if len(shapes.input) != 2:
            raise ValueError(
                f"Spectral got rows of shape {shapes.input}, but needs signals: pass input=Signals(), or the backbone"
                " Residual for images."
            )
        return _Encoder(self, shapes), _Decoder(self, shapes)


class _Frames(nn.Module):
    """The short-time Fourier transform and its inverse, as products with real matrices."""

    def __init__(self, part: Spectral):
        super().__init__()
        n = part.frame
        self.hop, self.bins = part.fold, n // 2 + 1
        time, bins = torch.arange(n, dtype=torch.float64), torch.arange(self.bins, dtype=torch.float64)
        window = (0.5 - 0.5 * torch.cos(2 * math.pi * time / n)).sqrt()
        angle = 2 * math.pi * bins[:, None] * time / n
        there = torch.cat([angle.cos(), -angle.sin()]) * window
        twice = torch.full((self.bins, 1), 2.0, dtype=torch.float64)
        twice[0] = twice[-1] = 1  # all other frequencies stand for two
        back = there * twice.repeat(2, 1) / (n * HOPS / 2)
        self.register_buffer("there", there[:, None].float())
        self.register_buffer("back", back[:, None].float())
        self.power = n / 2  # the squared window's sum: the mean of |…|² for white noise with σ = 1

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, time) → (n, 2·bins, frames): real parts, then imaginary ones."""
        edge = (HOPS - 1) * self.hop
        return conv1d(
            nn.functional.pad(x, (edge, edge + -x.shape[2] % self.hop)),
            self.there.to(x.dtype),
            stride=self.hop,
        )

    def inverse(self, s: Tensor, samples: int) -> Tensor:
        edge = (HOPS - 1) * self.hop
        return conv_transpose1d(s, self.back.to(s.dtype), stride=self.hop)[:, :, edge : edge + samples]


class _Stack(nn.Module):
    def __init__(self, part: Spectral, widths: list[int], first: int, last: int):
        super().__init__()
        self.last = last == part.layers
        self.layers = nn.ModuleList(
            init_layer(
                nn.Conv1d(widths[i], widths[i + 1], part.kernel, padding=part.kernel // 2), part.activation
            )
            for i in range(first, last)
        )
        self.phi = activation(part.activation)

    def forward(self, h: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            h = layer(h)
            h = h if self.last and i == len(self.layers) - 1 else self.phi(h)
        return h


class _Encoder(nn.Module):
    is_identity = False

    def __init__(self, part: Spectral, shapes: Shapes):
        super().__init__()
        self.part, self.rows = part, shapes.input[0]
        self.spectrum = _Frames(part)
        widths = [self.spectrum.bins, *[part.channels] * (part.layers - 1), self.spectrum.bins]
        self.stack = _Stack(part, widths, 0, part.layers // 2)
        self.hidden = (shapes.input[0] * part.channels, part.frames(shapes.input[1]))
        self.encoded = math.prod(self.hidden) == math.prod(shapes.code)

    def forward(self, x: Tensor) -> Tensor:
        rows, level = x[:, : self.rows], x[:, self.rows :]
        level = level.flatten(1)[:, 0] if level.shape[1] else self.level(rows)
        real, imaginary = self.spectrum(rows.reshape(-1, 1, rows.shape[2])).chunk(2, 1)
        noise = self.spectrum.power * level.square().repeat_interleave(self.rows).view(-1, 1, 1)
        h = ((real.square() + imaginary.square()) / (noise + 1e-8)).log1p()
        h = self.stack(h)
        return h.view(len(x), -1, h.shape[2])

    def level(self, rows: Tensor) -> Tensor:
        """What the network takes the noise of rows for where nobody tells it, (n,)."""
        return noise_level(rows)


class _Decoder(nn.Module):
    def __init__(self, part: Spectral, shapes: Shapes):
        super().__init__()
        self.part, self.rows, self.out = part, shapes.input[0], shapes.out
        inner = (shapes.input[0] * part.channels, part.frames(shapes.input[1]))
        self.open = math.prod(shapes.code) == math.prod(inner)  # no linear map: any length will do
        self.spread = None
        if not self.open:
            self.spread = init_layer(nn.Linear(math.prod(shapes.code), math.prod(inner)), part.activation)
        self.spectrum = _Frames(part)
        widths = [0, *[part.channels] * (part.layers - 1), self.spectrum.bins]
        self.stack = _Stack(part, widths, part.layers // 2, part.layers)
        if shapes.out[0] != self.rows:
            raise ValueError(
                f"Spectral got a likelihood of {shapes.out[0]} numbers for {self.rows} channels, but answers with one"
                " each: pass likelihood='normal'."
            )

    def forward(self, z: Tensor, side: Tensor) -> Tensor:
        samples = side.shape[2]
        z = z.flatten(1) if self.spread is None else self.spread(z.flatten(1))
        h = z.reshape(len(z) * self.rows, self.part.channels, self.part.frames(samples))
        spectra = self.spectrum(side[:, : self.rows].reshape(-1, 1, samples))
        mask = (self.stack(h) + self.filter(spectra, side)).sigmoid()
        out = self.spectrum.inverse(spectra * mask.repeat(1, 2, 1), samples)
        return out.reshape(len(side), self.rows, samples)

    def filter(self, spectra: Tensor, side: Tensor) -> Tensor:
        """The logit of the Wiener filter's gain, from which the mask starts: 1 − noise/power, the power a mean
        over neighbouring coefficients."""
        level = side[:, self.rows :].flatten(1)
        level = level[:, 0] if level.shape[1] else noise_level(side[:, : self.rows])
        noise = self.spectrum.power * level.square().repeat_interleave(self.rows).view(-1, 1, 1)
        real, imaginary = spectra.chunk(2, 1)
        power = (real.square() + imaginary.square())[:, None]
        around = tuple(n // 2 for n in NEAR)
        power = avg_pool2d(power, NEAR, 1, around, count_include_pad=False)[:, 0]
        gain = (1 - noise / (power + 1e-8)).clamp(SILENT, 1 - SILENT)
        return gain.logit()


__all__ = ["Spectral"]
