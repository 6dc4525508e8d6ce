"""Where a model's codes lie: what is kept of training rows to draw codes from."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from narrows.contracts import Source
from narrows.fitted import Moments
from narrows.net import Net
from narrows.numerics import generator

ROWS = 10_000  # training rows whose codes are summed up
AT_ONCE = 1 << 21  # numbers of those that go through the network together
RANK = 256  # of the covariance that is kept of them, at most
NARROW = 64  # numbers in a code, up to which a density can be fitted to codes themselves
SOME = 5_000  # codes that are kept for it


def moments(net: Net, rows: Source, seed: int) -> Moments | None:
    """Mean and covariance factor of training codes, and some of the codes; None for a decoder that needs
    more than codes."""
    if net.side is not None:
        return None
    codes = coded(net, rows.head(ROWS), generator(seed + 4, next(net.parameters()).device))
    return Moments(*gaussian(codes), len(rows), _some(codes))


@torch.no_grad()
def coded(net: Net, x: Tensor, gen: torch.Generator) -> Tensor:
    """Codes (n, latent_dim) of scaled rows x as the decoder gets them: a random code is drawn."""
    step = max(1, min(1024, AT_ONCE // net.shapes.features))
    return torch.cat([net.encode(part, gen).z.flatten(1) for part in x.split(step)])


def gaussian(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (latent_dim,) and covariance factor (latent_dim, rank) of codes (n, latent_dim)."""
    mean = codes.mean(0)
    if codes.shape[1] <= RANK:
        return mean, _factor(torch.cov(codes.double().T, correction=0), mean)
    # A wide code: its covariance would be larger than the rows it is estimated from.
    some = (codes - mean)[:: -(-len(codes) // RANK)]
    return mean, (some.T / len(some) ** 0.5).contiguous()


def _some(codes: Tensor) -> np.ndarray | None:
    if codes.shape[1] > NARROW:
        return None
    return spaced(codes.float().cpu().numpy(), SOME).copy()


def merged(before: Moments, after: Moments) -> Moments:
    """The moments of the rows behind either (Chan, Golub & LeVeque 1983, equation 2.1), and codes of each
    in proportion.

    The codes before were those of the network as it was then: an approximation, the better the less it
    has changed since.
    """
    n = before.rows + after.rows
    share, rest = after.rows / n, before.rows / n
    apart = after.mean - before.mean
    mean = before.mean + share * apart
    columns = (
        before.factor * math.sqrt(rest),
        after.factor * math.sqrt(share),
        apart[:, None] * math.sqrt(share * rest),
    )
    both, some = torch.cat(columns, 1).double(), _both(before, after)
    if len(mean) <= RANK:
        return Moments(mean, _factor(both @ both.T, mean), n, some)
    axes, spread, _ = torch.linalg.svd(both, full_matrices=False)
    return Moments(mean, (axes * spread)[:, :RANK].to(mean.dtype).contiguous(), n, some)


def _both(before: Moments, after: Moments) -> np.ndarray | None:
    if before.some is None or after.some is None:
        return None
    n = before.rows + after.rows
    # As many of each as there are rows behind it, where there are more than can be kept.
    most = min(SOME, len(before.some) * n / before.rows, len(after.some) * n / after.rows)
    return np.concatenate([spaced(m.some, max(1, round(most * m.rows / n))) for m in (before, after)])


def spaced(codes: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of them, from all over."""
    if len(codes) <= count:
        return codes
    return codes[np.linspace(0, len(codes) - 1, count).astype(int)]


def _factor(covariance: Tensor, mean: Tensor) -> Tensor:
    """F with F Fᵀ the covariance, (latent_dim, latent_dim)."""
    variances, axes = torch.linalg.eigh(covariance.reshape(2 * mean.shape))
    factor = axes * variances.clamp(min=0).sqrt()
    # Laid out as a file gives it back, for products of other layouts round differently.
    return factor.to(mean.dtype).contiguous()
