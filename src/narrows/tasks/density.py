"""Densities of codes that are fitted after training (Ghosh et al. 2020, "From variational to deterministic
autoencoders", section 4: ex-post density estimation).

A decoder knows what to make of codes that rows have; a prior also draws others.  A mixture of few Gaussians
with full covariances, fitted to the codes of training rows, keeps to where they are.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch

from narrows.fitted import Fitted, Mixture
from narrows.training.moments import gaussian

# On MNIST and Fashion-MNIST, 16 numbers in a code: the Fréchet distance of samples to test images falls with
# every component up to forty, but half of what is left after twenty costs five times the seconds.
COMPONENTS = 20  # at most
ENOUGH = 12  # rows per number of a code, for every component
ROUNDS = 20  # of expectation and maximisation: the rest changes nothing that can be seen


def density(fitted: Fitted, label: int | None = None) -> Mixture:
    """The density of all training codes, or of those of the class of that number; made when it is first
    asked for, and the same every time."""
    made = fitted.densities
    if label in made:
        return made[label]
    if label is not None:
        made[label] = mixture(fitted.labelled.codes[label], fitted)
        return made[label]
    codes = fitted.codes
    if codes is None:
        raise ValueError(
            "prior='fitted' needs codes of training rows, but this model was saved by a version that kept none:"
            " fit it again, or pass prior=None."
        )
    if codes.some is None:  # wide ones, of which there are too few to tell clusters
        return _one(codes.mean, codes.factor)
    made[None] = mixture(codes.some, fitted)
    return made[None]


def densities(fitted: Fitted) -> dict[int | None, Mixture]:
    """All that a file has to hold in place of codes."""
    if fitted.codes is not None and fitted.codes.some is not None:
        density(fitted)
    if fitted.labelled is not None:
        for label in range(len(fitted.labelled.classes)):
            density(fitted, label)
    return fitted.densities


def mixture(codes: np.ndarray, fitted: Fitted) -> Mixture:
    """A mixture of Gaussians fitted to codes (n, latent_dim); one Gaussian of their moments where they are
    too few for more."""
    count = min(COMPONENTS, len(codes) // (ENOUGH * codes.shape[1]))
    if count < 2:
        mean, factor = gaussian(torch.from_numpy(codes).to(fitted.dtype))
        return _one(mean, factor)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    mean, spread = codes.mean(0, dtype=np.float64), codes.std(0, dtype=np.float64)
    scaled = (codes - mean) / np.where(spread > 0, spread, 1.0)
    with warnings.catch_warnings(), threadpool_limits(1):  # sums round otherwise on other numbers of threads
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few rounds less are meant
        found = GaussianMixture(count, reg_covar=1e-4, max_iter=ROUNDS, random_state=fitted.seed % 2**32).fit(
            scaled
        )
    factors = spread[:, None] * np.linalg.cholesky(found.covariances_)
    arrays = found.weights_, mean + spread * found.means_, factors
    return Mixture(*(torch.from_numpy(a).to(fitted.dtype).contiguous() for a in arrays))


def _one(mean: torch.Tensor, factor: torch.Tensor) -> Mixture:
    mean, factor = mean.cpu(), factor.cpu()  # one stream on every device
    return Mixture(mean.new_ones(1), mean[None], factor[None])
