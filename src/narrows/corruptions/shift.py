"""Pictures and signals moved a little, target and all: augmentation (Simard, Steinkraus & Platt 2003)."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform


@dataclass(frozen=True)
class Shift:
    """Each image is moved by up to ``pixels`` along both axes, each signal by as many samples; what comes
    in at the border is the border again.

    The moved row is what the decoder is asked for, too: this is no noise to be undone but more rows of the
    same kind, for models that otherwise learn few rows by heart.

    >>> Shift(1)
    Shift(pixels=1)
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        whole = isinstance(self.pixels, Integral) and not isinstance(self.pixels, bool)
        if not (whole and self.pixels >= 0):
            raise ValueError(f"Shift got pixels={self.pixels!r}, but needs a whole number ≥ 0: pass 1.")

    def build(self, shapes: Shapes) -> nn.Module:
        if len(shapes.row) == 1:
            raise ValueError(
                f"Shift got rows of shape {shapes.row}, but columns have no neighbours: pass images (n, height,"
                " width) or signals, or leave it out."
            )
        return _Shift(int(self.pixels))


class _Shift(nn.Module):
    retargets = True

    def __init__(self, pixels: int):
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        sides = x.shape[2:]
        drawn = uniform(x.new_empty(len(x), len(sides)), gen)
        moves = (drawn * (2 * self.pixels + 1)).floor().clamp(max=2 * self.pixels).long() - self.pixels
        where = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
        for axis, side in enumerate(sides):
            at = (torch.arange(side, device=x.device) - moves[:, axis : axis + 1]).clamp(0, side - 1)
            where = (where[:, :, None] * side + at[:, None, :]).flatten(1)
        where = where[:, None].expand(-1, x.shape[1], -1)
        return x.flatten(2).gather(2, where).view_as(x)
