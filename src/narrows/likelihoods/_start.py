"""Where a decoder starts: at the mean row."""

from __future__ import annotations

from torch import Tensor

MARGIN = 0.01  # from 0 and 1: a logit further out would take training too long to leave


def mean_level(rows: Tensor, *, logit: bool) -> Tensor:
    """The mean of rows (n, \\*row), or its logit, one number per entry of the first axis (one per
    feature; for images one per channel, so that a convolutional model still treats all places alike);
    0 where all are missing."""
    level = rows.nanmean((0, *range(2, rows.ndim))).nan_to_num(0.0)
    return level.clamp(MARGIN, 1 - MARGIN).logit() if logit else level
