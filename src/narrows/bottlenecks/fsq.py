"""Codes on a fixed grid: Mentzer, Minnen, Agustsson & Tschannen 2023, "Finite scalar quantization: VQ-VAE
made simple"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.bottlenecks._frequencies import Frequencies
from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Shapes

BEYOND = 1e-3  # of the half range: by so much tanh's limits lie outside the last levels
LARGEST = 1 << 20  # symbols: each has a share of its own


@dataclass(frozen=True)
class FSQ:
    """Every number of y = W h + b is bounded and rounded to one of few levels; nothing is learned but W and b.

    f(y) = h·tanh(y + s) − o, z = round(f(y)) / ⌊L/2⌋, with h = (L − 1)/2, o = ½ for even L, else 0, and
    s = artanh(o/h), so that f(0) = 0 (section 3.1 and appendix A.1).  Gradients pass the rounding as if it
    were not there.

    ``levels``  of the numbers of one symbol; they repeat along the code, whose last symbol may be shorter: 8
                latents of (8, 5, 5, 5) are two symbols out of 1000.

    ``Code.indices`` are the symbols, (batch, symbols); ``Code.rate`` is −ln of how often they were used
    lately in training: what a coder with these frequencies pays.  It has no gradient.

    >>> FSQ(levels=(7, 5, 5))
    FSQ(levels=(7, 5, 5))
    """

    levels: tuple[int, ...] = (8, 5, 5, 5)

    def __post_init__(self) -> None:
        levels = (self.levels,) if isinstance(self.levels, Integral) else tuple(self.levels)
        object.__setattr__(self, "levels", levels)
        whole = levels and all(isinstance(n, Integral) and n >= 2 for n in levels)
        if not whole or math.prod(levels) > LARGEST:
            raise ValueError(
                f"FSQ got levels={self.levels!r}, but needs whole numbers ≥ 2 with a product of at most {LARGEST}:"
                " pass for example (8, 5, 5, 5)."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _FSQ(self.levels, shapes)


class _FSQ(nn.Module):
    def __init__(self, levels: tuple[int, ...], shapes: Shapes):
        super().__init__()
        self.each = len(levels)  # numbers of a symbol
        dims = shapes.latent_dim
        own = [levels[j % self.each] for j in range(dims)]
        basis = [math.prod(levels[: j % self.each]) for j in range(dims)]
        self.project = Projection(shapes)
        self.frequencies = Frequencies(
            tuple(math.prod(own[j : j + self.each]) for j in range(0, dims, self.each))
        )
        reach = [(n - 1) / 2 * (1 + BEYOND) for n in own]
        offset = [0.5 if n % 2 == 0 else 0.0 for n in own]
        self.register_buffer("levels", torch.tensor(own))
        self.register_buffer("basis", torch.tensor(basis))
        self.register_buffer("reach", torch.tensor(reach))
        self.register_buffer("offset", torch.tensor(offset))
        shift = [math.atanh(o / h) for o, h in zip(offset, reach, strict=True)]
        self.register_buffer("shift", torch.tensor(shift))

    def forward(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        bounded = (self.project(h) + self.shift).tanh() * self.reach - self.offset
        level = bounded.detach().round()
        # A NaN among the rows is found, and said, after the network has seen it.
        digits = (level.nan_to_num().long() + self.levels // 2) * self.basis
        short = -digits.shape[1] % self.each
        indices = nn.functional.pad(digits, (0, short)).unflatten(1, (-1, self.each)).sum(2)
        if self.training:
            self.frequencies.update(indices)
        # The difference is exactly 0: z is on the grid to the last bit, and has the gradient of f.
        z = (level + (bounded - bounded.detach())) / (self.levels // 2)
        return Code(z=z, mean=z, rate=self.frequencies.nats(indices), loss={}, indices=indices)

    def from_indices(self, indices: Tensor) -> Tensor:
        """Codes (n, latent_dim) of symbols (n, symbols)."""
        digits = indices.repeat_interleave(self.each, 1)[:, : len(self.levels)] // self.basis % self.levels
        return (digits - self.levels // 2).to(self.reach) / (self.levels // 2)

    def restrict(self, z: Tensor) -> Tensor:
        """The nearest codes on the grid."""
        most = self.levels // 2
        return (z * most).round().maximum(-most).minimum(self.levels - 1 - most) / most
