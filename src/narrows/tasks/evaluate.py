"""How good a model is on given rows, with PCA beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.inputs.design import design, undesign
from narrows.tasks.decode import reconstruct
from narrows.tasks.runner import CHUNK
from narrows.tasks.score import nll_and_rate

PIECE = 1 << 22  # numbers of a piece of rows, at most


def evaluate(fitted: Fitted, rows: np.ndarray | Rows) -> dict[str, float]:
    """Figures for rows (n, \\*row); errors in the user's units, likelihoods in nats per row.

    ``mse``        mean squared error per entry: of the numbers that are there, in a table.
    ``r2``         share of the rows' variance that the reconstruction explains; in a table, whose columns
                   have units of their own, its mean over the columns of numbers.
    ``accuracy``   share of the categories that are there and reconstructed, in a table with some.
    ``nll``, ``rate``, ``score``  reconstruction nll, code rate, and −(nll + rate).
    ``pca_mse``, ``pca_r2``, ``pca_accuracy``  the same of PCA with as many components, learned from the
                   training rows (categories one-hot, gaps at the mean).
    ``pca_nll``    nll of probabilistic PCA, the linear Gaussian model with as many latents: what
                   ``−score`` must beat under a Normal likelihood (NaN when PCA leaves nothing out, and
                   for rows with categories or gaps or under a likelihood that gives probabilities).
    """
    levels = fitted.schema.levels
    number = np.broadcast_to(True if levels is None else np.array(levels) == 0, rows.shape[1:])
    density = number.all() and fitted.net.likelihood.continuous  # a probability is no density
    centre = _mean(rows, fitted.schema.missing)
    apart = levels is not None
    ours, linear = (_Errors(centre, number, apart) for _ in range(2))
    pca_nll = 0.0
    # In pieces: the float64 copies below are several times the rows' own size.
    sums = np.zeros(2)
    for part in _pieces(rows):
        sums += nll_and_rate(fitted, part).sum(0)
        flat = design(fitted.affine.forward(part, fitted.dtype).numpy().astype(np.float64), levels)
        plane = undesign(fitted.baseline.reconstruct(flat), levels, part.shape[1:])
        ours.add(reconstruct(fitted, part), part)
        linear.add(plane * fitted.affine.scale + fitted.affine.shift, part)
        pca_nll += float(fitted.baseline.nll(flat).sum()) if density else math.nan
    figures = {
        **ours.figures(""),
        "nll": float(sums[0]) / len(rows),
        "rate": float(sums[1]) / len(rows),
        "score": -float(sums.sum()) / len(rows),
        **linear.figures("pca_"),
    }
    jacobian = fitted.affine.log_jacobian(fitted.net.shapes.row)
    return figures | {"pca_nll": pca_nll / len(rows) + jacobian if math.isfinite(pca_nll) else math.nan}


def _pieces(rows: np.ndarray | Rows) -> Iterator[np.ndarray]:
    step = max(1, min(16 * CHUNK, PIECE // max(1, math.prod(rows.shape[1:]))))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _mean(rows: np.ndarray | Rows, missing: bool) -> np.ndarray:
    """The mean row, over what is there."""
    if isinstance(rows, np.ndarray) and not missing:
        return rows.mean(0, dtype=np.float64)
    total, count = 0.0, 0
    for part in _pieces(rows):
        there = np.isfinite(part)
        total = total + np.where(there, part, 0.0).sum(0, dtype=np.float64)
        count = count + there.sum(0)
    return total / np.maximum(count, 1)


class _Errors:
    """Sums over rows: squared errors of the entries that are ``number``, right answers among the others."""

    def __init__(self, centre: np.ndarray, number: np.ndarray, apart: bool):
        self.centre, self.number, self.apart = centre, number, apart
        self.errors = self.spread = np.zeros(number.shape)
        self.numbers = self.right = self.categories = 0

    def add(self, answers: np.ndarray, rows: np.ndarray) -> None:
        x = rows.astype(np.float64)
        there = np.isfinite(x)
        of_number, of_category = there & self.number, there & ~self.number
        self.errors = self.errors + np.square(answers - x, where=of_number, out=np.zeros(x.shape)).sum(0)
        self.spread = self.spread + np.square(x - self.centre, where=of_number, out=np.zeros(x.shape)).sum(0)
        self.numbers += int(of_number.sum())
        self.categories += int(of_category.sum())
        self.right += int(((answers == x) & of_category).sum())

    def figures(self, before: str) -> dict[str, float]:
        # What rounding alone makes of a constant is no variation.
        rounding = 8 * np.finfo(np.float64).eps * np.abs(self.centre)
        varies = self.spread > self.numbers / max(1, int(self.number.sum())) * rounding**2
        if not varies.any():
            r2 = math.nan
        elif self.apart:
            r2 = 1 - float((self.errors[varies] / self.spread[varies]).mean())
        else:
            r2 = 1 - float(self.errors.sum() / self.spread.sum())
        found = {
            f"{before}mse": float(self.errors.sum()) / self.numbers if self.numbers else math.nan,
            f"{before}r2": r2,
        }
        if not self.number.all():
            found[f"{before}accuracy"] = self.right / self.categories if self.categories else math.nan
        return found
