"""What a model expects where rows have gaps, and draws of it.

Given what is there of a row, x_o, a model with random codes says

    E[x_m | x_o] ≈ Σ_k w_k E[x_m | z_k],   w_k ∝ p(x_o|z_k) p(z_k) / q(z_k|x_o),   z_k ~ q(z|x_o)

(self-normalised importance sampling: Mattei & Frellsen 2019, "MIWAE", equation 13); draws of z among the
z_k by those weights, and of x_m from p(x_m|z), are draws from p(x_m|x_o) (their section 4.2).  A code that is
not random has one z.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.contracts import Code
from narrows.fitted import Fitted
from narrows.inputs.design import undesign
from narrows.numerics import LOG_2PI, CommonNoise, antithetic, generator
from narrows.tasks.chunks import through
from narrows.tasks.runner import CHUNK, runner

CODES = 64  # z_k of a row: for means; for draws at least
ENTRIES = 1 << 22  # decoder outputs of one piece of rows that are kept for draws
TOLERANCE = 1e-4  # of a filled entry, in scaled units: one that moves by less has converged
STEPS = 200  # of filling in, at most
LEAST = -1e30  # the logarithm of the weight of a code under which a number is no longer one


def expectation(fitted: Fitted, rows: np.ndarray, *, steps: int = STEPS) -> np.ndarray:
    """What is expected of every entry given what is there of its row: (n, width) in user units.

    ``rows`` (n, \\*row) in user units, NaN where missing.  A number's answer is its mean, a category's the
    probability of each, side by side, as in :func:`narrows.inputs.design.design`.

    A model that knows gaps says at once what it expects: one of tables, which sees them as such, or one
    trained with a corruption that puts a ``mark`` there (Masking, Holes).  Others see them filled with the
    mean row, then with what they expect there, and so on until that changes no more, at most ``steps``
    times: each row for itself.
    """
    net = fitted.net
    levels, plain = fitted.schema.levels, _plain(fitted)
    given = _Given.of(fitted, steps)
    noises = _noises(fitted, CODES)

    def step(x: Tensor) -> Tensor:
        seen = given.look(x)
        code = net.bottleneck(seen.h)
        if not is_random(fitted):
            return _finite(_expected(net, net.decode(code.z, seen.side), levels), plain)
        spread = given.spread(seen, code)
        top, whole, total = x.new_full((len(x), 1), -math.inf), 0.0, 0.0
        for noise in noises:
            z = net.bottleneck(seen.h, noise).z
            out = net.decode(z, seen.side)
            weight = given.log_weight(seen, code, spread, z, out)[:, None]
            higher = torch.maximum(top, weight)
            old, new = (top - higher).exp(), (weight - higher).exp()
            total = total * old + new * _finite(_expected(net, out, levels), plain)
            whole, top = whole * old + new, higher
        return _finite(total / whole, plain)

    scaled = fitted.affine.forward(rows, fitted.dtype).numpy()
    answer = through(fitted, scaled, step, scaled=False)
    shift, scale = (_by_design(a, fitted) for a in (fitted.affine.shift, fitted.affine.scale))
    return answer * scale + shift


def is_random(fitted: Fitted) -> bool:
    """Whether the model's codes are random, with densities that are known, so that draws can be weighed."""
    return hasattr(getattr(fitted.net.bottleneck, "prior", None), "log_prob")


def draws(fitted: Fitted, rows: np.ndarray, n: int, seed: int) -> Iterator[np.ndarray]:
    """Of one piece of ``rows`` (k, \\*row) after the other n draws of its gaps: (n, k, \\*row) in user units;
    what is there stays as it is."""
    net, run = fitted.net, runner(fitted)
    given = _Given.of(fitted, STEPS)
    mean = undesign(np.asarray(fitted.baseline.mean)[None], fitted.schema.levels, net.shapes.row)
    plain = torch.as_tensor(mean, dtype=run.dtype, device=run.device)
    gen, count = generator(seed, run.device), max(CODES, 2 * n)
    piece = max(1, min(CHUNK, ENTRIES // (count * max(1, math.prod(net.shapes.out)))))
    for first in range(0, len(rows), piece):
        part = rows[first : first + piece]
        x = fitted.affine.forward(part, run.dtype).to(run.device)
        with torch.inference_mode():
            seen = given.look(x)
            code = net.bottleneck(seen.h)
            if is_random(fitted):
                spread, outs, weights = given.spread(seen, code), [], []
                for _ in range(count):
                    z = net.bottleneck(seen.h, gen).z
                    outs.append(net.decode(z, seen.side))
                    weights.append(given.log_weight(seen, code, spread, z, outs[-1]))
                shares = torch.stack(weights, 1).softmax(1)
                chosen = torch.multinomial(shares, n, replacement=True, generator=gen)  # (k, n)
                several = torch.stack(outs, 1)
                picked = [several[torch.arange(len(x)), chosen[:, i]] for i in range(n)]
            else:
                picked = [net.decode(code.z, seen.side)] * n
            drawn = torch.stack([net.likelihood.draw(out.nan_to_num(), gen) for out in picked])
            drawn = _finite(drawn, plain)
        found = fitted.affine.inverse(drawn)
        yield np.where(np.isnan(part), found, part)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A batch: the rows with gaps, without, where the gaps are, hidden features and side input."""

    x: Tensor
    gaps: Tensor
    h: Tensor
    side: Tensor | None


@dataclass(frozen=True, eq=False)
class _Given:
    """How a model is shown rows with gaps, and what its codes weigh given what is there."""

    fitted: Fitted
    start: Tensor
    steps: int

    @classmethod
    def of(cls, fitted: Fitted, steps: int) -> _Given:
        if fitted.schema.missing:
            start: Any = math.nan
        else:
            # A model that was trained on gaps knows them by what stood there.
            mark = getattr(fitted.net.corruption, "mark", None)
            start, steps = (
                (fitted.baseline.mean.reshape(fitted.net.shapes.row), steps) if mark is None else (mark, 0)
            )
        return cls(fitted, torch.as_tensor(start, dtype=fitted.dtype, device=fitted.device), steps)

    def look(self, x: Tensor) -> _Seen:
        net, gaps = self.fitted.net, x.isnan()
        if not self.fitted.schema.missing:
            x = self._settled(x, gaps)
        embedded = net.embed(x)
        return _Seen(x, gaps, net.encoder(embedded), embedded if net.side == "input" else None)

    def _settled(self, x: Tensor, gaps: Tensor) -> Tensor:
        """Gaps filled with what is expected there, over and over; a step after which more would change than
        after the best so far is taken back, and half as far from there on.  A row that finds no rest ends
        where the least would have changed."""
        net = self.fitted.net
        best = x = torch.where(gaps, self.start, x)
        least = x.new_full((len(x),), math.inf)
        share = torch.ones_like(least)
        apart = torch.zeros_like(x)
        moving = gaps.flatten(1).any(1)
        for _ in range(self.steps):
            if not bool(moving.any()):
                break
            change = torch.where(gaps, net.likelihood.mean(net(x).out) - x, 0.0)
            # In this norm a linear model's changes never grow.
            size = torch.linalg.vector_norm(change.flatten(1), dim=1)
            better = moving & (size <= least)  # not where it is NaN
            least = torch.where(better, size, least)
            taken = _each(better, x)
            best, apart = torch.where(taken, x, best), torch.where(taken, change, apart)
            share = torch.where(moving & ~better, share / 2, share)
            done = moving & (_each(share, x) * apart).abs().flatten(1).amax(1).le(TOLERANCE)
            x = torch.where(_each(moving, x) & gaps, best + _each(share, x) * apart, x)
            moving = moving & ~done
        return torch.where(_each(moving, x), best, x)

    def spread(self, seen: _Seen, code: Code) -> Tensor:
        """The standard deviations of q(z|x): where a noise of ones takes the code."""
        ones = _noise(self.fitted, torch.ones(self.fitted.net.shapes.code))
        return (self.fitted.net.bottleneck(seen.h, ones).z - code.mean).abs().clamp(min=1e-12)

    def log_weight(self, seen: _Seen, code: Code, spread: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """ln p(x_o|z) p(z) / q(z|x), (batch,)."""
        net = self.fitted.net
        nll = net.likelihood.nll(out, seen.x).masked_fill(seen.gaps, 0.0).flatten(1).sum(1)
        apart = (z - code.mean) / spread
        log_q = (-0.5 * (apart.square() + LOG_2PI) - spread.log()).flatten(1).sum(1)
        said = net.bottleneck.prior.log_prob(z) - nll - log_q
        return torch.where(said.isfinite(), said, LEAST)


def _each(values: Tensor, x: Tensor) -> Tensor:
    """A value per row, (batch,), as wide as x's rows."""
    return values.view(-1, *[1] * (x.ndim - 1))


def _noises(fitted: Fitted, draws: int) -> list[CommonNoise]:
    shape = fitted.net.shapes.code
    eps = antithetic(draws, math.prod(shape), generator(fitted.seed))
    return [_noise(fitted, e.view(shape)) for e in eps]


def _noise(fitted: Fitted, common: Tensor) -> CommonNoise:
    noise = CommonNoise(fitted.device)
    noise.manual_seed(fitted.seed)
    noise.common = common.to(device=fitted.device, dtype=fitted.dtype)
    return noise


def _expected(net: torch.nn.Module, out: Tensor, levels: tuple[int, ...] | None) -> Tensor:
    """(batch, width): means of numbers, probabilities of categories, scaled."""
    mean = net.likelihood.mean(out).flatten(1)
    if levels is None or not any(levels):
        return mean
    # Any likelihood of categories says what one would cost: e^−nll.
    most = max(levels)
    last = mean.new_tensor([max(k - 1, 0) for k in levels])
    costs = [net.likelihood.nll(out, torch.minimum(torch.full_like(mean, c), last)) for c in range(most)]
    chances = torch.stack([(-cost).exp() for cost in costs], 2)
    return torch.cat([chances[:, j, :k] if k else mean[:, j : j + 1] for j, k in enumerate(levels)], 1)


def _plain(fitted: Fitted) -> Tensor:
    """(width,), scaled: the mean row, where a model's own answer is no number."""
    return torch.as_tensor(fitted.baseline.mean, dtype=fitted.dtype, device=fitted.device)


def _finite(said: Tensor, plain: Tensor) -> Tensor:
    return torch.where(said.isfinite(), said, plain)


def _by_design(values: np.ndarray, fitted: Fitted) -> np.ndarray:
    """A number per entry of a row, as the design lays them out."""
    flat = np.broadcast_to(values, fitted.net.shapes.row).reshape(-1)
    levels = fitted.schema.levels
    return flat if levels is None else np.repeat(flat, [max(k, 1) for k in levels])
