"""How strong the noise in pictures and signals is, judged from them alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d

NORMAL = 0.6744897501960817  # the median of |N(0, 1)|
CALM = 0.25  # share of the places that are looked at, the calmest, ...
LEAST = 512  # ... but so many at least
AROUND = 7  # places along each side whose mean says how calm it is


def noise_level(x: Tensor) -> Tensor:
    """σ of white noise in pictures (n, channels, height, width) or signals (n, channels, time): (n,), in
    the units of x.

    The median of the absolute finest coefficients over that of a standard normal: the diagonal details of
    Haar's wavelet (Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage", section 2.4),
    in signals second differences.  They are taken where the other coefficients of the same place,
    which are independent of them under white noise, are small: elsewhere they also see texture.

    >>> x = 5 + 0.3 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    >>> abs(float(noise_level(x)) / 0.3 - 1) < 0.05
    True
    """
    with torch.no_grad():
        details, activity = (_of_signals if x.ndim == 3 else _of_pictures)(x)
        details, activity = details.flatten(1).abs(), activity.flatten(1)
        n = details.shape[1]
        if not n:  # too few pixels for one coefficient
            return x.new_zeros(len(x))
        kept = min(n, max(LEAST, int(CALM * n)))
        if kept < n:
            details = details.gather(1, activity.topk(kept, 1, largest=False, sorted=False).indices)
        return (
            details.double().quantile(0.5, 1).to(x.dtype) / NORMAL
            if n < 1 << 24
            else details.median(1)[0] / NORMAL
        )


def _of_pictures(x: Tensor) -> tuple[Tensor, Tensor]:
    """Diagonal details, and how much there is of the others around them."""
    h, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    a, b, c, d = (x[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1))
    across, down = (a - b + c - d) / 2, (a + b - c - d) / 2
    activity = across.square() + down.square()
    side = min(AROUND, *activity.shape[2:])
    side -= 1 - side % 2
    if side > 1:
        activity = avg_pool2d(activity, side, 1, side // 2, count_include_pad=False)
    return (a - b - c + d) / 2, activity


def _of_signals(x: Tensor) -> tuple[Tensor, Tensor]:
    """Second differences, and how much first ones there are around them."""
    t = x.shape[2] // 3 * 3
    a, b, c = (x[:, :, i:t:3] for i in range(3))
    activity = (a - c).square()
    side = min(4 * AROUND + 1, activity.shape[2])
    side -= 1 - side % 2
    if side > 1:
        activity = avg_pool1d(activity, side, 1, side // 2, count_include_pad=False)
    return (a - 2 * b + c) / 6**0.5, activity
