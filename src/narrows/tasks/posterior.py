"""The distribution over codes that a row has under a variational model."""

from __future__ import annotations

from torch import Tensor

from narrows.fitted import Fitted
from narrows.net import Net


def random(fitted: Fitted) -> bool:
    """Whether codes are draws from a Gaussian, held against a prior."""
    return hasattr(fitted.net.bottleneck, "posterior")


def posterior(net: Net, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of q(z|x), (batch, \\*code) each, of scaled rows x."""
    return net.bottleneck.posterior(net.encoder(net.embed(x)))
