"""New rows: drawn, between two rows, along one latent axis."""

from __future__ import annotations

import numpy as np
import torch

from narrows.fitted import Fitted
from narrows.numerics import generator
from narrows.tasks.decode import decode, refuse_side
from narrows.tasks.encode import encode


def draw_codes(fitted: Fitted, n: int, seed: int) -> np.ndarray:
    """n codes (n, latent_dim): from the prior, or from a Gaussian of the training codes' mean and
    covariance where the bottleneck has none (then moved to the nearest code that the bottleneck can make)."""
    if not (isinstance(n, (int, np.integer)) and n >= 1):
        raise ValueError(f"n={n!r} is not a number of samples: pass a whole number ≥ 1.")
    gen = generator(seed)
    bottleneck = fitted.net.bottleneck
    with torch.inference_mode():
        if fitted.codes is None:
            z = bottleneck.draw(n, generator(seed, fitted.device)).flatten(1)
        else:
            mean, factor = fitted.codes.mean.cpu(), fitted.codes.factor.cpu()  # one stream on every device
            z = mean + torch.randn(n, factor.shape[1], generator=gen, dtype=mean.dtype) @ factor.T
            z = z.to(fitted.device)
            z = bottleneck.restrict(z) if hasattr(bottleneck, "restrict") else z
    return z.cpu().numpy()


def sample(fitted: Fitted, n: int, seed: int) -> np.ndarray:
    """n new rows (n, \\*row) in user units: the decoder's mean at drawn codes."""
    refuse_side(fitted, "sample")
    return decode(fitted, draw_codes(fitted, n, seed))


def interpolate(fitted: Fitted, a: np.ndarray, b: np.ndarray, steps: int = 8) -> np.ndarray:
    """(steps, \\*row): from row a to row b, each (1, \\*row), on a straight line between their codes."""
    refuse_side(fitted, "interpolate")
    if not (isinstance(steps, (int, np.integer)) and steps >= 2):
        raise ValueError(f"steps={steps!r} is not a number of rows: pass a whole number ≥ 2, the two ends.")
    za, zb = encode(fitted, a)[:1], encode(fitted, b)[:1]
    t = np.linspace(0.0, 1.0, steps, dtype=za.dtype)[:, None]
    return decode(fitted, (1 - t) * za + t * zb)


def traverse(fitted: Fitted, x: np.ndarray, dim: int, steps: int = 8, span: float = 3.0) -> np.ndarray:
    """(steps, \\*row): row x (1, \\*row) with latent ``dim`` moved from −span to +span around it, in
    standard deviations of that latent over the training rows (1 for a prior of unit variance)."""
    refuse_side(fitted, "traverse")
    if not (isinstance(steps, (int, np.integer)) and steps >= 1):
        raise ValueError(f"steps={steps!r} is not a number of rows: pass a whole number ≥ 1.")
    if not (isinstance(dim, (int, np.integer)) and 0 <= dim < fitted.latent_dim):
        raise ValueError(
            f"dim={dim!r} is not a latent of this model: pass a number from 0 to {fitted.latent_dim - 1}."
        )
    z = np.repeat(encode(fitted, x)[:1], steps, axis=0)
    spread = 1.0 if fitted.codes is None else float(fitted.codes.factor[dim].square().sum().sqrt())
    z[:, dim] += np.linspace(-span, span, steps, dtype=z.dtype) * spread
    return decode(fitted, z)
