"""Where a model's codes lie: what codes are drawn from when the bottleneck has no prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows.contracts import Source
from narrows.fitted import Moments
from narrows.net import Net

ROWS = 10_000  # training rows whose codes are summed up
AT_ONCE = 1 << 21  # numbers of those that go through the network together
RANK = 256  # of the covariance that is kept of them, at most


@torch.no_grad()
def moments(net: Net, rows: Source) -> Moments | None:
    """Mean and covariance factor of training codes; None for a bottleneck with a prior, and for a decoder
    that needs more than codes."""
    if hasattr(net.bottleneck, "draw") or net.side is not None:
        return None
    x = rows.head(ROWS)
    step = max(1, min(1024, AT_ONCE // net.shapes.features))
    codes = torch.cat([net.encode(part).mean.flatten(1) for part in x.split(step)])
    mean = codes.mean(0)
    if codes.shape[1] <= RANK:
        return Moments(mean, _factor(torch.cov(codes.double().T, correction=0), mean), len(rows))
    # A wide code: its covariance would be larger than the rows it is estimated from.
    some = (codes - mean)[:: -(-len(codes) // RANK)]
    return Moments(mean, (some.T / len(some) ** 0.5).contiguous(), len(rows))


def merged(before: Moments, after: Moments) -> Moments:
    """The moments of the rows behind either (Chan, Golub & LeVeque 1983, equation 2.1).

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
    both = torch.cat(columns, 1).double()
    if len(mean) <= RANK:
        return Moments(mean, _factor(both @ both.T, mean), n)
    axes, spread, _ = torch.linalg.svd(both, full_matrices=False)
    return Moments(mean, (axes * spread)[:, :RANK].to(mean.dtype).contiguous(), n)


def _factor(covariance: Tensor, mean: Tensor) -> Tensor:
    """F with F Fᵀ the covariance, (latent_dim, latent_dim)."""
    variances, axes = torch.linalg.eigh(covariance.reshape(2 * mean.shape))
    factor = axes * variances.clamp(min=0).sqrt()
    # Laid out as a file gives it back, for products of other layouts round differently.
    return factor.to(mean.dtype).contiguous()
