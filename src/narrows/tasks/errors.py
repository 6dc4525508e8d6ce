"""Squared errors and right answers of every entry of a row, summed up piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.runner import CHUNK

PIECE = 1 << 22  # numbers of a piece of rows, at most
MOST_BITS = 24.0  # of information about one number: float32 holds no more


def pieces(rows: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """The rows, so many at a time that float64 copies of them are small."""
    step = max(1, min(16 * CHUNK, PIECE // max(1, math.prod(rows.shape[1:]))))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def mean_row(rows: np.ndarray | Rows, missing: bool) -> np.ndarray:
    """The mean row, over what is there."""
    if isinstance(rows, np.ndarray) and not missing:
        return rows.mean(0, dtype=np.float64)
    total, count = 0.0, 0
    for part in pieces(rows):
        there = np.isfinite(part)
        total = total + np.where(there, part, 0.0).sum(0, dtype=np.float64)
        count = count + there.sum(0)
    return total / np.maximum(count, 1)


def numbers(fitted: Fitted) -> np.ndarray:
    """Which entries of a row are numbers, (\\*row,); the others are categories."""
    levels, row = fitted.schema.levels, fitted.schema.row
    return np.broadcast_to(True if levels is None else np.array(levels) == 0, row)


def times(fitted: Fitted) -> np.ndarray | None:
    """Which columns are times; None where there are none."""
    named = getattr(fitted.schema, "times", ())
    return np.array([column.name in named for column in fitted.schema.columns]) if named else None


def bits(r2: np.ndarray) -> np.ndarray:
    """−½ log₂(1 − R²): what a Gaussian with that share of explained variance tells of another, in bits.

    0 where R² is negative or there is nothing to explain (NaN), at most 24.

    >>> bits(np.array([0.0, 0.75, 1.0, np.nan]))
    array([ 0.,  1., 24.,  0.])
    """
    left = 1 - np.clip(np.nan_to_num(r2, nan=0.0), 0.0, 1.0)
    return -0.5 * np.log2(np.maximum(left, 4.0**-MOST_BITS)) + 0.0


class Errors:
    """Sums over rows: squared errors of the entries that are ``number``, right answers among the others.

    ``centre`` is the mean row; with ``apart`` columns have units of their own, and R² is their mean.
    ``units``: there are names and units of columns, whose errors are told as shares of their variances too.
    ``times``: entries, (\\*row), whose squared seconds the mean squared error of others leaves out.
    """

    def __init__(
        self,
        centre: np.ndarray,
        number: np.ndarray,
        apart: bool,
        units: bool = False,
        times: np.ndarray | None = None,
    ):
        self.centre, self.number, self.apart = centre, number, apart
        self.units = units and int(number.sum()) > 1
        plain = number if times is None else number & ~times
        self.summed = plain if plain.any() else number
        self.errors = self.spread = np.zeros(number.shape)
        self.counts = np.zeros(number.shape, int)
        self.right = self.categories = 0

    def add(self, answers: np.ndarray, rows: np.ndarray) -> None:
        """Answers to more rows, (n, \\*row) both."""
        x = rows.astype(np.float64)
        there = np.isfinite(x)
        of_number, of_category = there & self.number, there & ~self.number
        self.errors = self.errors + np.square(answers - x, where=of_number, out=np.zeros(x.shape)).sum(0)
        self.spread = self.spread + np.square(x - self.centre, where=of_number, out=np.zeros(x.shape)).sum(0)
        self.counts = self.counts + of_number.sum(0)
        self.categories += int(of_category.sum())
        self.right += int(((answers == x) & of_category).sum())

    def varies(self) -> np.ndarray:
        """Which entries are numbers that vary: what rounding alone makes of a constant is no variation."""
        rounding = 8 * np.finfo(np.float64).eps * np.abs(self.centre)
        return self.spread > self.counts.sum() / max(1, int(self.number.sum())) * rounding**2

    def r2(self) -> np.ndarray:
        """R² of each entry, (\\*row,); NaN for those that do not vary, and for categories."""
        varies = self.varies()
        share = np.divide(self.errors, self.spread, where=varies, out=np.zeros(self.errors.shape))
        return np.where(varies, 1 - share, np.nan)

    def figures(self, before: str) -> dict[str, float]:
        """What comes of it, by names that begin with ``before``; see ``evaluate``."""
        r2 = self.r2()
        varies = ~np.isnan(r2)
        if not varies.any():
            whole = math.nan
        elif self.apart:
            whole = float(r2[varies].mean())
        else:
            whole = 1 - float(self.errors.sum() / self.spread.sum())
        summed = int(self.counts[self.summed].sum())
        errors = float(np.where(self.summed, self.errors, 0.0).sum())
        shares = float((1 - r2[varies]).mean()) if varies.any() else math.nan
        found = {
            f"{before}mse": errors / summed if summed else math.nan,
            **({f"{before}nmse": shares} if self.units else {}),
            f"{before}r2": whole,
            f"{before}bits": float(bits(r2).sum()) if varies.any() else math.nan,
        }
        if not self.number.all():
            found[f"{before}accuracy"] = self.right / self.categories if self.categories else math.nan
        return found
