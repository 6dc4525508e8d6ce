"""What each entry of a row has to do with how unusual the row is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.inputs.design import design, design_width, undesign
from narrows.tasks.chunks import through
from narrows.tasks.score import noises_of

TINY = 1e-12  # keeps shares and roots of nothing finite
CHUNK = 256  # rows whose gradients are taken together


def nll_entries(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """The reconstruction nll of every entry, (n, features) nats in the user's units, 0 where it is missing;
    in expectation over the code, as :func:`narrows.tasks.nll` has it."""
    net, noises = fitted.net, noises_of(fitted)

    def step(x: Tensor) -> Tensor:
        h = net.encoder(net.embed(x))
        side = net.embed(x) if net.side == "input" else None
        total = torch.zeros_like(x)
        for noise in noises:
            code = net.bottleneck(h, noise)
            total = total + net.likelihood.nll(net.decode(code.z, side), x)
            if code.rate is None or code.indices is not None:
                return total
        return total / len(noises)

    entries = through(fitted, rows, step).astype(np.float64)
    if net.likelihood.continuous:
        logs = np.log(np.broadcast_to(fitted.affine.scale, net.shapes.row))
        entries = np.where(np.isnan(rows), 0.0, entries + logs) if fitted.schema.missing else entries + logs
    return entries.reshape(len(rows), -1)


def residuals(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """What the reconstruction leaves of every entry, (n, features): of a number x − x̂ in scaled units, of
    a category √(2·nll), 0 where it is missing."""
    net = fitted.net
    expected = getattr(net.likelihood, "expected", lambda out, x: net.likelihood.mean(out))
    levels = fitted.schema.levels
    category = None if levels is None or not any(levels) else torch.tensor([k > 0 for k in levels])

    def step(x: Tensor) -> Tensor:
        p = net(x)
        left = x - expected(p.out, x)
        if category is not None:
            nll = net.likelihood.nll(p.out, x).clamp(min=0)
            left = torch.where(category.to(x.device), (2 * nll + TINY).sqrt(), left)
        return torch.where(x.isnan(), torch.zeros_like(left), left)

    return through(fitted, rows, step).reshape(len(rows), -1).astype(np.float64)


def coordinates(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Rows as points, (n, width): scaled, categories as indicators over √2, so that two that differ are at
    distance 1, gaps at the mean."""
    levels = fitted.schema.levels
    flat = design(fitted.affine.forward(rows, fitted.dtype).numpy().astype(np.float64), levels)
    flat = np.where(np.isnan(flat), fitted.baseline.mean, flat)
    return flat / spread(levels, flat.shape[1])


def spread(levels: tuple[int, ...] | None, width: int) -> np.ndarray:
    """What coordinates are divided by."""
    if levels is None:
        return np.ones(width)
    return np.concatenate([np.full(max(k, 1), 2**0.5 if k else 1.0) for k in levels])


def by_feature(parts: np.ndarray, levels: tuple[int, ...] | None) -> np.ndarray:
    """Parts of coordinates, (n, width), added up to those of features, (n, features)."""
    if levels is None or not any(levels):
        return parts
    starts = np.cumsum([0, *(design_width((k,), 1) for k in levels[:-1])])
    return np.add.reduceat(parts, starts, axis=1)


def through_code(fitted: Fitted, rows: np.ndarray, centres: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """(n, features) ≥ 0, each row summing to the squared distance (z − c)ᵀ P (z − c) of its code from its
    centre (n, latent_dim): shared in proportion to |∂/∂xⱼ · (xⱼ − mean)|, its gradient times how far the
    entry is from the mean row.

    Baehrens et al. 2010, "How to explain individual classification decisions"; Shrikumar et al. 2017,
    "Learning important features through propagating activation differences", section 3.
    """
    net, dtype, device = fitted.net, fitted.dtype, fitted.device

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array)).to(dtype=dtype, device=device)

    metric, mean = tensor(precision), tensor(centre_row(fitted))
    answers = []
    for start in range(0, len(rows), CHUNK):
        part = fitted.affine.forward(rows[start : start + CHUNK], dtype).to(device)
        x = part.clone().requires_grad_()
        with torch.enable_grad():
            apart = net.encode(x).mean.flatten(1) - tensor(centres[start : start + CHUNK])
            distance = ((apart @ metric) * apart).sum(1)
            (slope,) = torch.autograd.grad(distance.sum(), x)
        pull = slope * torch.where(part.isnan(), torch.zeros_like(part), part - mean)
        share = pull.abs().flatten(1).double().nan_to_num(0.0) + TINY
        share = share / share.sum(1, keepdim=True)
        answers.append((share * distance.detach().double()[:, None]).cpu().numpy())
    return np.concatenate(answers)


def centre_row(fitted: Fitted) -> np.ndarray:
    """The mean training row in scaled units, (\\*row); of a category column its most frequent category."""
    return undesign(fitted.baseline.mean[None], fitted.schema.levels, fitted.net.shapes.row)[0]
