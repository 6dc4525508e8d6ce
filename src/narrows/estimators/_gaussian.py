"""The linear-Gaussian model of rows with gaps: the best linear fill, and what it leaves uncertain.

Dempster, Laird & Rubin 1977; Schneider 2001, "Analysis of incomplete climate data", for regularised EM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ITERATIONS, TOLERANCE = 50, 1e-3
WORK = 5e8  # multiply-adds of one iteration over the rows, at most: more rows than that are left out
ENTRIES = 1 << 21  # numbers in the matrices of one piece of rows
JITTER = 1e-9  # of a variance


@dataclass(frozen=True, eq=False)
class Gaussian:
    """x ~ N(``mean``, ``covariance``), (d,) and (d, d) float64.

    Given the entries o of a row the others have the mean μ + Σ_mo Σ_oo⁻¹ (x_o − μ_o) and the covariance
    Σ_mm − Σ_mo Σ_oo⁻¹ Σ_om.

    >>> model = Gaussian(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    >>> model.fill(np.array([[2.0, np.nan]]))
    array([[2., 1.]])
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def learn(cls, rows: np.ndarray) -> Gaussian:
        """Expectation maximisation on ``rows`` (n, d), of about unit variance, NaN where missing.

        As many rows as there are columns are added, in which each column varies as it does and on its
        own: little beside many rows, and what keeps few from being explained by chance.
        """
        n, d = rows.shape
        most = int(max(4 * d, WORK / d**3))
        # From all over, whatever order they are in.
        x = torch.from_numpy(np.asarray(rows[:: -(-n // most)], np.float64))
        n = len(x)
        model = cls(x.new_zeros(d), torch.eye(d, dtype=torch.float64))
        for _ in range(ITERATIONS):
            total, square = x.new_zeros(d), x.new_zeros(d, d)
            for part in x.split(_rows(d)):
                filled, left = model._given(part)
                apart = filled - model.mean
                total += apart.sum(0)
                square += apart.T @ apart + left.sum(0)
            step = total / n
            found = square / n - torch.outer(step, step)
            found = (n * found + d * found.diag().diag()) / (n + d)
            change = float((found - model.covariance).abs().max())
            model = cls(model.mean + step, found)
            if change < TOLERANCE:
                break
        return model

    def _given(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) with its gaps at their conditional means, and their covariances (n, d, d), 0 elsewhere."""
        there = ~x.isnan()
        o = there.to(x)
        # Gaps become columns of their own in Σ_oo, so that all rows are solved at once.
        inner = self.covariance * o[:, :, None] * o[:, None, :]
        inner.diagonal(dim1=1, dim2=2).add_(torch.where(there, JITTER * self._scale, 1.0))
        cross = self.covariance * o[:, None, :]  # Σ_·o
        weights = torch.cholesky_solve(cross.mT, torch.linalg.cholesky(inner))  # Σ_oo⁻¹ Σ_o·
        apart = torch.where(there, x - self.mean, 0.0)
        mean = self.mean + (apart[:, None, :] @ weights)[:, 0]
        left = (self.covariance - cross @ weights) * (1 - o)[:, :, None] * (1 - o)[:, None, :]
        return torch.where(there, x, mean), left

    @property
    def _scale(self) -> float:
        return max(float(self.covariance.diag().max()), 1e-6)

    def _pieces(self, rows: np.ndarray) -> Iterator[Tensor]:
        yield from torch.from_numpy(np.asarray(rows, np.float64)).split(_rows(rows.shape[1]))

    def fill(self, rows: np.ndarray) -> np.ndarray:
        """``rows`` (n, d) with conditional means where they are NaN."""
        return np.concatenate([self._given(part)[0].numpy() for part in self._pieces(rows)])

    def uncertainty(self, rows: np.ndarray) -> np.ndarray:
        """(n, d): standard deviations of the gaps around their conditional means; 0 where nothing is missing."""
        parts = [self._given(part)[1].diagonal(dim1=1, dim2=2) for part in self._pieces(rows)]
        return torch.cat(parts).clamp(min=0).sqrt().numpy()

    def deviations(self, rows: np.ndarray, n: int, gen: torch.Generator) -> np.ndarray:
        """(n, rows, d): draws of the gaps around their conditional means; 0 where nothing is missing."""
        drawn = []
        for part in self._pieces(rows):
            left = self._given(part)[1]
            left.diagonal(dim1=1, dim2=2).add_(torch.where(part.isnan(), JITTER * self._scale, 1.0))
            factor, _ = torch.linalg.cholesky_ex(left)
            noise = torch.randn(n, *part.shape, 1, generator=gen, dtype=part.dtype)
            drawn.append(torch.where(part.isnan(), (factor @ noise)[..., 0], 0.0).numpy())
        return np.concatenate(drawn, 1)


def _rows(d: int) -> int:
    return max(1, ENTRIES // d**2)
