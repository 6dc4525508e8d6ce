"""What priors without a closed divergence share: the estimate of it, and mixtures of diagonal Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows.numerics import LOG_2PI, normal

LEAST, MOST = -15.0, 10.0  # of a log-variance: beyond any use, before overflow


def estimated_kl(logvar: Tensor, log_prob: Tensor) -> Tensor:
    """KL(q ‖ p) = −H(q) − E_q ln p(z) from one draw z of q = N(·, diag e^logvar): (batch, 1), nats.

    The entropy is exact, so only ln p(z), (batch,), carries noise; the estimate is unbiased and may be
    negative.
    """
    return (-0.5 * (logvar + LOG_2PI + 1).flatten(1).sum(1) - log_prob)[:, None]


def log_mixture(z: Tensor, shares: Tensor, means: Tensor, logvars: Tensor) -> Tensor:
    """ln Σₖ πₖ N(z; μₖ, diag σₖ²) for z (batch, d), (batch,): ``shares`` (k,) are ln πₖ, means and logvars
    (k, d)."""
    # As a difference: the expanded square would lose what is left of two large numbers.
    apart = (z[:, None] - means).square() * (-logvars).exp()
    return torch.logsumexp(shares - 0.5 * (apart + logvars + LOG_2PI).sum(2), 1)


def draw_mixture(n: int, gen: torch.Generator, shares: Tensor, means: Tensor, logvars: Tensor) -> Tensor:
    """n draws of it, (n, d)."""
    which = torch.multinomial(shares.exp(), n, replacement=True, generator=gen)
    return means[which] + (0.5 * logvars[which]).exp() * normal(means[which], gen)
