"""What stored rows cost, and how far off they come back: a point of a rate–distortion curve."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from narrows.tasks.errors import Errors, mean_row


@dataclass(frozen=True)
class Rate:
    """``stored`` bytes, as bits of a row and of a value; ``mse``, the mean squared error of the numbers in their own
    units; ``lost``, the same as a share of their variance; ``psnr`` in dB, NaN where values have no natural largest;
    ``error``, the largest.  ``setting`` is what it was reached with: a β, a bound, a step, a quality."""

    setting: float
    stored: int
    bits_per_row: float
    bits_per_value: float
    mse: float
    lost: float
    psnr: float
    error: float

    def squared(self, apart: bool) -> float:
        """The error that counts: ``lost`` where columns stand ``apart``, each with a unit of its own, else ``mse``."""
        return self.lost if apart else self.mse

    def line(self) -> dict[str, float]:
        """By name, as a row of a frame."""
        return asdict(self)


def rated(
    rows: np.ndarray,
    answers: np.ndarray,
    stored: int,
    setting: float = math.nan,
    *,
    number: np.ndarray | None = None,
    apart: bool = False,
) -> Rate:
    """The point of ``rows`` (n, …) that took so many bytes and came back as ``answers``.

    ``number``: entries (…) whose errors count, all by default; NaN and infinite ones never do.  ``apart``: columns
    have units of their own, and ``lost`` is their mean.

    >>> found = rated(np.array([[0.0], [1.0]]), np.array([[0.1], [0.9]]), 1)
    >>> found.bits_per_row, round(found.lost, 6), round(found.psnr, 6)
    (4.0, 0.04, 20.0)
    """
    x = np.asarray(rows, np.float64)
    errors = Errors(mean_row(x, True), np.ones(x.shape[1:], bool) if number is None else number, apart)
    errors.add(np.asarray(answers, np.float64), x)
    found = errors.figures("")
    away = np.abs(np.where(np.isfinite(x), x - answers, 0.0)) if len(x) else np.zeros(1)
    return Rate(
        float(setting),
        int(stored),
        8 * stored / max(1, len(x)),
        8 * stored / max(1, x.size),
        found["mse"],
        1 - found["r2"],
        psnr(found["mse"], peak(rows)),
        float(away.max()),
    )


def peak(rows: np.ndarray) -> float:
    """The largest value there can be: 255 of bytes, 1 of what lies in [0, 1]; else nobody knows, NaN."""
    low, high = (float(rows.min()), float(rows.max())) if rows.size else (math.nan, math.nan)
    if rows.dtype == np.uint8 and high > 1:
        return 255.0
    return 1.0 if low >= 0 and high <= 1 else math.nan


def psnr(mse: float, largest: float) -> float:
    """The peak signal-to-noise ratio in dB, 10·log₁₀(peak² / mse); infinite without an error."""
    if mse == 0:
        return math.nan if math.isnan(largest) else math.inf
    return 10 * math.log10(largest**2 / mse)


__all__ = ["Rate", "peak", "psnr", "rated"]
