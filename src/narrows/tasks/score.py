"""How usual a row is, in nats."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.numerics import CommonNoise, antithetic, generator
from narrows.tasks.chunks import through

DRAWS = 16  # of the posterior, in ± pairs, common to all rows


def nll_and_rate(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """(n, 2) nats in user units: the expected reconstruction nll, and the code's rate (0 without).

    The expectation over a random code is the mean over 16 fixed antithetic draws with unit second
    moment: deterministic, and exact for a linear decoder with up to 8 latents.
    """
    net = fitted.net
    noises = noises_of(fitted)

    def step(x: Tensor) -> Tensor:
        h = net.encoder(net.embed(x))
        side = net.embed(x) if net.side == "input" else None
        total, rate = x.new_zeros(len(x)), x.new_zeros(len(x))
        for noise in noises:
            code = net.bottleneck(h, noise)
            total = total + net.likelihood.nll(net.decode(code.z, side), x).flatten(1).sum(1)
            rate = rate if code.rate is None else rate + code.rate
            if (
                code.rate is None or code.indices is not None
            ):  # a code that costs nothing, or is stored, is not random
                return torch.stack([total, rate], 1)
        return torch.stack([total, rate], 1) / len(noises)

    def parts(x: Tensor) -> tuple[Tensor, ...]:
        h = net.encoder(net.embed(x))
        code = net.bottleneck(h, noises[0])
        out = net.decode(code.z, net.embed(x) if net.side == "input" else None)
        nll = net.likelihood.nll(out, x)
        sums = [nll.flatten(1).sum(1), *(() if code.rate is None else (code.rate,))]
        return h, code.mean, code.z, out, nll, *sums

    pair = through(fitted, rows, step, verb="score", parts=parts).astype(np.float64)
    if net.likelihood.continuous:
        pair[:, 0] += fitted.affine.log_jacobian(net.shapes.row, rows if fitted.schema.missing else None)
    return pair


def noises_of(fitted: Fitted) -> list[CommonNoise]:
    """Draws of the posterior that stand for all of it, common to all rows."""
    shape = fitted.net.shapes.code
    eps = antithetic(DRAWS, int(np.prod(shape)), generator(fitted.seed))
    noises = []
    for e in eps:
        noise = CommonNoise(fitted.device)
        noise.manual_seed(fitted.seed)
        noise.common = e.view(shape).to(device=fitted.device, dtype=fitted.dtype)
        noises.append(noise)
    return noises


def score_rows(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """−(nll + rate) per row, (n,) nats, higher = more usual: the ELBO of a variational model."""
    return -nll_and_rate(fitted, rows).sum(1)


def nll(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """The expected reconstruction nll per row, (n,) nats."""
    return nll_and_rate(fitted, rows)[:, 0]
