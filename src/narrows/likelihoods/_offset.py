"""Where a decoder starts: its zero output stands for the mean row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source

ROWS = 4096  # that the mean is taken of
MARGIN = 0.01  # from 0 and 1: a logit further out would take training too long to leave


class Offset(nn.Module):
    """out + offset, the offset learned before training: the mean row (its logit under a sigmoid).

    Without it a sigmoid starts every feature at 0.5, and rows of mostly small values spend the
    whole fit on the way down.  One number per feature; for images one per channel, so that a
    convolutional model still treats all places alike.
    """

    def __init__(self, shapes: Shapes, logit: bool):
        super().__init__()
        self.logit = logit
        self.register_buffer("value", torch.zeros(shapes.row[0], *(1 for _ in shapes.row[1:])))

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        rows = source.head(ROWS)
        over = (0, *range(2, rows.ndim))
        mean = rows.nanmean(over).nan_to_num(0.0)
        if self.logit:
            mean = mean.clamp(MARGIN, 1 - MARGIN).logit()
        self.value.copy_(mean.reshape(self.value.shape))

    def forward(self, out: Tensor) -> Tensor:
        return out + self.value
