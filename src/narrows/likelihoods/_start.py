"""Where a decoder starts: at the mean row."""

from __future__ import annotations

import torch
from torch import nn

from narrows.contracts import Source

ROWS = 4096  # that the mean is taken of
MARGIN = 0.01  # from 0 and 1: a logit further out would take training too long to leave


@torch.no_grad()
def start_at_mean(net: nn.Module, source: Source, *, logit: bool) -> None:
    """Give the decoder's last biases the mean row (its logit under a sigmoid), where it has them.

    Otherwise a sigmoid starts every feature at 0.5, and rows of mostly small values spend the
    whole fit on the way down.  One level per feature; for images one per channel, so that a
    convolutional model still treats all places alike.
    """
    if not hasattr(net.decoder, "start"):
        return
    rows = source.head(ROWS)
    over = (0, *range(2, rows.ndim))
    level = rows.nanmean(over).nan_to_num(0.0)
    if logit:
        level = level.clamp(MARGIN, 1 - MARGIN).logit()
    net.decoder.start(level)
