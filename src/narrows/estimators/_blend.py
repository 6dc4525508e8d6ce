"""What several models and a linear one together expect in the gaps of a table, and how far that may be off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from scipy.special import ndtr, ndtri, stdtrit

from narrows.estimators._gaussian import Gaussian
from narrows.fitted import Fitted
from narrows.inputs.design import design
from narrows.tasks.impute import expectation

WIDEST = 64  # columns, categories one-hot, up to which there is a linear model: it costs their cube per row
ALONE = (0.7, 0.3)  # shares of the linear model and the others where there are too few rows to find out
USUAL = (0.3, 0.7)  # where they are, what is usually found
PRIOR = 50.0  # cells that the shares of all columns together count as, among a column's own
WHOLE = 200.0  # and the usual shares among those of all
LEVELS = np.linspace(0, 1, 101)
FEW = 50  # known cells of a column below which its errors are taken to be like those of the others
# Draws are made so much wider than the errors that were seen: those vary less than errors on rows of
# another day, and the percentiles of a few dozen draws lie within those of what they are drawn from.
WIDER = 1.15
SMALL = 13  # rows that a model is judged on below which its errors are too few to be taken at their word
PIECE = 1 << 22  # numbers of draws that are made at once


@dataclass(frozen=True, eq=False)
class Blend:
    """All arrays are over the columns of the design (categories one-hot), in the user's units where they
    are not said to be standardised.

    ``shift, scale``  means and standard deviations of what is there.
    ``low, high``     least and largest values that were seen, of few rows a little beyond: fills stay between.
    ``mean, covariance``  of the linear-Gaussian model, standardised; None without one.
    ``shares``        (2, width): weights of the linear model and of the others (stacked regressions:
                      Breiman 1996), learned where cells were hidden from rows that no model had seen.
    ``errors``        (width, 101): quantiles of errors there, in standard deviations of the linear model.
    """

    shift: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray | None
    covariance: np.ndarray | None
    shares: np.ndarray
    errors: np.ndarray

    @classmethod
    def plain(cls, flat: np.ndarray, levels: tuple[int, ...] | None, linear: bool) -> Blend:
        """Of the rows' design (n, width), before anything is known of the models' errors."""
        width = flat.shape[1]
        shift, scale = np.nanmean(flat, 0), np.nanstd(flat, 0)
        scale = np.where(scale > 1e-12 * np.abs(shift), scale, 1.0)
        wide = width > WIDEST or not linear
        model = None if wide else Gaussian.learn((flat - shift) / scale)
        shares = np.repeat([[ALONE[0]], [ALONE[1]]] if model is not None else [[0.0], [1.0]], width, 1)
        shares[:, ~numbers(levels, width)] = [[0.0], [1.0]]  # probabilities are the models' alone
        # Of a normal distribution, so far.
        errors = np.quantile(np.random.default_rng(0).standard_normal(100_000), LEVELS)
        return cls(
            shift,
            scale,
            np.nanmin(flat, 0),
            np.nanmax(flat, 0),
            None if model is None else model.mean.numpy(),
            None if model is None else model.covariance.numpy(),
            shares,
            np.tile(errors, (width, 1)),
        )

    def linear(self) -> Gaussian | None:
        if self.mean is None or self.covariance is None:
            return None
        return Gaussian(torch.from_numpy(self.mean), torch.from_numpy(self.covariance))

    def expected(self, models: Sequence[Fitted], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, width): what is expected of every entry of ``rows`` (n, \\*row), NaN where missing, probabilities
        of categories; and how far the models differ, a standard deviation.  Rows of which nothing is there
        get the columns' means."""
        several = np.stack([expectation(model, rows) for model in models])
        said, apart = several.mean(0), several.std(0, ddof=1 if len(models) > 1 else 0)
        flat = design(rows, models[0].schema.levels)
        mixed = self.mixed(self.straight(flat), (said - self.shift) / self.scale)
        answer = np.clip(mixed * self.scale + self.shift, self.low, self.high)
        return np.where(np.isnan(flat).all(1, keepdims=True), self.shift, answer), self.shares[1] * apart

    def straight(self, flat: np.ndarray) -> np.ndarray:
        """What the linear model expects, standardised; 0 without one."""
        model = self.linear()
        z = (flat - self.shift) / self.scale
        return np.zeros(flat.shape) if model is None else model.fill(z)

    def mixed(self, straight: np.ndarray, said: np.ndarray) -> np.ndarray:
        return self.shares[0] * straight + self.shares[1] * said

    def drawn(
        self,
        expected: np.ndarray,
        apart: np.ndarray,
        flat: np.ndarray,
        levels: tuple[int, ...] | None,
        n: int,
        gen: torch.Generator,
    ) -> Iterator[np.ndarray]:
        """Of one piece of rows after the other, n draws of what is ``expected`` and uncertain: (n, rows,
        columns), categories as codes; expected, ``apart`` and ``flat`` (rows, width), the last NaN where missing.

        How errors of numbers go together is the linear model's; how large they are in a column was seen (a
        Gaussian copula with the errors' own distributions).  On top of that comes how far models are ``apart``:
        where they guess, more than usual.  Categories are drawn by their probabilities.
        """
        width = flat.shape[1]
        sizes = [1] * width if levels is None else [max(k, 1) for k in levels]
        starts = np.cumsum([0, *sizes])
        step = max(1, PIECE // (n * width))
        for i in range(0, len(flat), step):
            there = ~np.isnan(flat[i : i + step])
            mean = expected[i : i + step]
            noise, size = self._noise(flat[i : i + step], n, gen)
            doubt = (
                torch.randn(n, *mean.shape, generator=gen, dtype=torch.float64).numpy() * apart[i : i + step]
            )
            answer = np.empty((n, len(mean), len(sizes)))
            for j, (first, k) in enumerate(zip(starts, sizes, strict=False)):
                if levels is not None and levels[j]:
                    chance = torch.rand(n, len(mean), 1, generator=gen, dtype=torch.float64).numpy()
                    steps = mean[:, first : first + k].cumsum(1)
                    answer[..., j] = (chance * steps[:, -1:] > steps).sum(2)
                    continue
                error = (
                    np.interp(ndtr(noise[..., first]), LEVELS, self.errors[first]) * WIDER * size[:, first]
                )
                found = mean[:, first] + error * self.scale[first] + doubt[..., first]
                found = np.clip(found, self.low[first], self.high[first])
                answer[..., j] = np.where(there[:, first], mean[:, first], found)
            yield answer

    def _noise(self, flat: np.ndarray, n: int, gen: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(n, rows, width) standard normal noise that goes together as errors do, and their sizes (rows,
        width), standardised."""
        size, model = self.uncertainty(flat), self.linear()
        if model is None:
            return torch.randn(n, *flat.shape, generator=gen, dtype=torch.float64).numpy(), size
        return model.deviations((flat - self.shift) / self.scale, n, gen) / np.where(
            size > 0, size, 1.0
        ), size

    def uncertainty(self, flat: np.ndarray) -> np.ndarray:
        """Standard deviations (n, width) of the linear model's errors, standardised; 1 without one."""
        model = self.linear()
        return np.ones(flat.shape) if model is None else model.uncertainty((flat - self.shift) / self.scale)

    def cautious(self, held: int, rows: int, levels: tuple[int, ...] | None) -> Blend:
        """Of errors that so many ``held`` rows of all ``rows`` show: where they are few, as much wider as
        Student's t with as many degrees of freedom is than a normal distribution; and of few rows values a
        little beyond those seen."""
        if held >= SMALL:
            return self
        at = np.clip(LEVELS, 0.005, 0.995)
        at = np.where(at == 0.5, 0.6, at)  # where both are 0
        wider = stdtrit(max(2, held), at) / ndtri(at)
        beyond = (self.high - self.low) * 2 / max(rows, 2) * numbers(levels, len(self.low))
        # What was never negative, or never positive, stays so.
        low = np.where(self.low >= 0, np.maximum(self.low - beyond, 0), self.low - beyond)
        high = np.where(self.high <= 0, np.minimum(self.high + beyond, 0), self.high + beyond)
        return replace(self, errors=self.errors * wider, low=low, high=high)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name, for a file."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Blend:
        return cls(**{f.name: arrays.get(f.name) for f in fields(cls)})


def numbers(levels: tuple[int, ...] | None, width: int) -> np.ndarray:
    """Which columns of the design are numbers, (width,)."""
    if levels is None:
        return np.ones(width, bool)
    return np.repeat([k == 0 for k in levels], [max(k, 1) for k in levels])


def shares(straight: np.ndarray, said: np.ndarray, truth: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(2, width) ≥ 0: least squares of the ``truth`` of ``hidden`` cells on two predictions, all (n, width)
    and standardised; each column's own, drawn towards those of all."""
    a = np.stack([straight, said], 2)
    known = hidden & ~np.isnan(truth)
    whole = _nonnegative(
        a[known].T @ a[known] + WHOLE * np.eye(2), a[known].T @ truth[known] + WHOLE * np.array(USUAL)
    )
    found = np.empty((2, truth.shape[1]))
    for j in range(truth.shape[1]):
        mine, z = a[known[:, j], j], truth[known[:, j], j]
        found[:, j] = _nonnegative(mine.T @ mine + PRIOR * np.eye(2), mine.T @ z + PRIOR * whole)
    return found


def _nonnegative(square: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least squares with two weights ≥ 0, by the normal equations."""
    both = np.linalg.solve(square, right)
    if (both >= 0).all():
        return both
    one, other = (max(0.0, float(right[i] / square[i, i])) for i in range(2))
    gain = one * right[0] * 2 - one**2 * square[0, 0], other * right[1] * 2 - other**2 * square[1, 1]
    return np.array([one, 0.0]) if gain[0] > gain[1] else np.array([0.0, other])


def quantiles(errors: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(width, 101) quantiles of the ``errors`` of ``hidden`` cells, both (n, width)."""
    known = hidden & ~np.isnan(errors)
    pooled = np.quantile(errors[known], LEVELS)
    return np.stack(
        [
            np.quantile(errors[known[:, j], j], LEVELS) if known[:, j].sum() >= FEW else pooled
            for j in range(errors.shape[1])
        ]
    )
