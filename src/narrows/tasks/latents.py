"""Which latents a model uses, and how far its codes are, taken together, from the prior."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.numerics import LOG_2PI, generator
from narrows.tasks.chunks import through
from narrows.tasks.encode import encode
from narrows.tasks.posterior import posterior, random
from narrows.tasks.score import noises_of

ACTIVE = 0.01  # variance of a posterior mean over rows above which a latent is in use (Burda et al. 2016)
CONSTANT = 1e-10  # of the mean variance: below it a code's unit does not vary
COLLAPSED = 0.01  # nats that a latent tells of a row, below which it tells nothing
MOST = 4096  # rows that the codes' distribution is estimated from
BLOCK = 256  # codes whose density is computed together


class Latents:
    """Moments of the posteriors of rows, piece by piece."""

    def __init__(self, fitted: Fitted):
        self.fitted, self.random = fitted, random(fitted)
        self.count = 0
        zeros = np.zeros(math.prod(fitted.net.shapes.code))
        self.mean = self.square = self.logvar = self.variance = zeros

    def add(self, rows: np.ndarray) -> None:
        """More rows (n, \\*row) in the user's units."""
        if self.random:
            means, logvars = posteriors(self.fitted, rows)
            # Means over rows so far.
            share = len(rows) / (self.count + len(rows))
            self.logvar = self.logvar + share * (logvars.mean(0) - self.logvar)
            self.variance = self.variance + share * (np.exp(logvars).mean(0) - self.variance)
        else:
            means = encode(self.fitted, rows).astype(np.float64)
        centre, before = means.mean(0), self.count
        self.count += len(rows)
        apart = centre - self.mean
        self.square = (
            self.square + np.square(means - centre).sum(0) + apart**2 * (before * len(rows) / self.count)
        )
        self.mean = self.mean + apart * (len(rows) / self.count)

    def figures(self) -> dict[str, float]:
        """What comes of it; see ``evaluate``.  One row alone does not vary, whatever its code tells."""
        if self.count < 2:
            names = ("active_units", "active_share", "collapsed")
            return dict.fromkeys(names if self.random else names[:2], math.nan)
        variance = self.square / self.count
        least = ACTIVE if self.random else CONSTANT * max(float(variance.mean()), 1e-300)
        active = int((variance > least).sum())
        found = {"active_units": float(active), "active_share": active / len(variance)}
        if self.random:
            found["collapsed"] = float((self.told() < COLLAPSED).sum())
        return found

    def told(self) -> np.ndarray:
        """Nats that each latent tells of a row, (latent_dim,): E KL(q(z_d|x) ‖ N(m_d, s_d²)) with the
        moments of all codes, no more than the KL to a normal prior and no less than what z_d and x share."""
        spread = self.square / self.count + self.variance
        return 0.5 * (np.log(spread) - self.logvar)


def warn_if_collapsed(figures: dict[str, float], latent_dim: int) -> None:
    """Say so where no latent tells anything."""
    if figures.get("collapsed") == latent_dim:
        warnings.warn(
            f"The posterior has collapsed: all {latent_dim} latents together tell {figures['rate']:.3g} nats of a row,"
            " so that codes say nothing and every row is reconstructed alike; pass a smaller beta, a warmup or"
            " free_bits to the Gaussian bottleneck, or train longer.",
            UserWarning,
            stacklevel=4,
        )


def posteriors(fitted: Fitted, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and log-variances of the codes of rows, (n, latent_dim) each, float64."""

    def step(x: Tensor) -> Tensor:
        return torch.stack([p.flatten(1) for p in posterior(fitted.net, x)], 1)

    both = through(fitted, rows, step, verb="posterior").astype(np.float64)
    return both[:, 0], both[:, 1]


def aggregate(fitted: Fitted, rows: np.ndarray) -> dict[str, float]:
    """How the rate of these rows divides (Hoffman & Johnson 2016, "ELBO surgery", equation 4), in nats:

    E KL(q(z|x) ‖ p) = I(x; z) + KL(q(z) ‖ p),  q(z) = 1/n Σᵢ q(z|xᵢ)

    ``mutual_information``  I(x; z), what codes tell of which of the n rows they belong to: at most ln n.
    ``aggregate_gap``       KL(q(z) ‖ p), how far all codes together are from the prior: what samples from
                            the prior lack.  Of few rows it is large by nature, for q(z) is n spikes then.

    One draw z of each row, by the model's seed, and the densities of all rows there.
    """
    means, logvars = (torch.from_numpy(part) for part in posteriors(fitted, rows))
    rate = float(rates(fitted, rows).mean())
    noise = torch.randn(means.shape, generator=generator(fitted.seed), dtype=torch.float64)
    codes = means + (0.5 * logvars).exp() * noise
    own = -0.5 * (noise.square() + logvars + LOG_2PI).sum(1)
    # ln q(z|xᵢ) of every pair by two products: Σ (z − μ)²/σ² = Σ z²/σ² − 2 z μ/σ² + μ²/σ².
    inverse = (-logvars).exp()
    weighted = means * inverse
    level = (means * weighted + logvars + LOG_2PI).sum(1)
    told = 0.0
    for z, mine in zip(codes.split(BLOCK), own.split(BLOCK), strict=True):
        each = -0.5 * (z.square() @ inverse.T - 2 * z @ weighted.T + level)
        told += float((mine - (each.logsumexp(1) - math.log(len(means)))).sum())
    told /= len(means)
    return {"mutual_information": told, "aggregate_gap": rate - told}


def rates(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """KL(q(z|x) ‖ p) of each row, (n,) nats: over the draws of scores, where a prior's is an estimate."""
    net, noises = fitted.net, noises_of(fitted)

    def step(x: Tensor) -> Tensor:
        h = net.encoder(net.embed(x))
        return torch.stack([net.bottleneck(h, noise).rate for noise in noises]).mean(0)

    return through(fitted, rows, step, verb="rates").astype(np.float64)
