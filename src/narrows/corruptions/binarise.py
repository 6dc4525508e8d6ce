"""Grey levels drawn as black or white anew at every step, target and all (Salakhutdinov & Murray 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source

STEPS = 1 << 16  # that probabilities are rounded to


@dataclass(frozen=True)
class Binarise:
    """Each number x in [0, 1] becomes 1 with probability x, else 0; categories and gaps are left alone.

    What is drawn is also what the decoder is asked for: the model learns of binary rows, of which each
    grey one stands for as many as there are steps ("dynamic binarisation").  Without noise, as in
    ``score_samples``, rows are taken as they come: give it binary ones.

    >>> Binarise()
    Binarise()
    """

    def build(self, shapes: Shapes) -> nn.Module:
        return _Binarise(shapes)


class _Binarise(nn.Module):
    retargets = True
    numbers: Tensor | None

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.missing = shapes.missing
        numbers = None if shapes.levels is None else torch.tensor([k == 0 for k in shapes.levels])
        self.register_buffer("numbers", numbers)

    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Refuse what is no probability."""
        rows = source.head(10_000)
        rows = rows if self.numbers is None else rows[:, self.numbers]
        low, high = (float(rows.nan_to_num(nan=0.5).aminmax()[i]) for i in (0, 1)) if rows.numel() else (0, 1)
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            raise ValueError(
                f"Binarise got scaled rows from {low:.3g} to {high:.3g}, but draws a number as 1 with a probability"
                " of its size: pass scale='minmax', or leave it out."
            )

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        drawn = coins(x, gen)
        if self.missing:
            drawn = torch.where(x.isnan(), x, drawn)
        return drawn if self.numbers is None else torch.where(self.numbers, drawn, x)


def coins(p: Tensor, gen: torch.Generator) -> Tensor:
    """1 with probability p, to 1/65,536, else 0, of p's shape (batch, …).

    Sixteen random bits for each, compared in place: a fifth of the time that 24 and a comparison of its
    own take, which is a third of a small network's step.
    """
    wide = p.shape[-1]
    words = torch.empty_like(
        p[..., : -(-wide // 4)], dtype=torch.int64, memory_format=torch.contiguous_format
    )
    drawn = words.random_(-(2**63), None, generator=gen).view(torch.int16)[..., :wide]
    return drawn.to(p).lt_(p * STEPS - (STEPS + 1) / 2)
