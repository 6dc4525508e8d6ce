"""Decisions with guarantees: conformal p-values, thresholds and the control of false discoveries."""

from __future__ import annotations

import math

import numpy as np


def p_values(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(1 + #{c ≥ s}) / (n + 1) for every score s, (m,), given those of n calibration rows, (n,); larger
    scores are less usual.

    If s and the calibration scores are exchangeable, P(p ≤ α) ≤ α for every α, whatever the score is and
    however few rows there are.  Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random world",
    section 2; Bates et al. 2023, "Testing for outliers with conformal p-values", equation 3.

    >>> p_values(np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.5, 3.5]))
    array([1.  , 0.5 , 0.25])
    """
    calibration = np.sort(calibration)
    at_least = len(calibration) - np.searchsorted(calibration, scores, side="left")
    return (1 + at_least) / (len(calibration) + 1)


def threshold(calibration: np.ndarray, alpha: float) -> float:
    """The score beyond which p ≤ α: p(s) ≤ α exactly where s > threshold; infinity where so few rows
    cannot give so small a p.

    >>> threshold(np.arange(1.0, 20.0), 0.05), threshold(np.arange(1.0, 10.0), 0.05)
    (19.0, inf)
    """
    n = len(calibration)
    # The largest number of calibration scores ≥ s at which (1 + k)/(n + 1) ≤ α.  Computed as p is, so
    # that the two agree in the last bit.
    k = math.floor(alpha * (n + 1)) + 1
    while k >= 0 and (1 + k) / (n + 1) > alpha:
        k -= 1
    return math.inf if k < 0 else -math.inf if k >= n else float(np.sort(calibration)[n - 1 - k])


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """Which of the p-values (m,) to call discoveries, so that the share of false ones among them is at
    most ``rate`` in expectation.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", equation 1.  Conformal p-values of
    rows that share their calibration rows are positively dependent, under which it holds (Bates et al.
    2023, theorem 2).

    >>> discoveries(np.array([0.01, 0.9, 0.02, 0.5]), 0.1)
    array([ True, False,  True, False])
    """
    order = np.sort(p)
    below = np.flatnonzero(order <= rate * np.arange(1, len(p) + 1) / len(p))
    return p <= order[below[-1]] if len(below) else np.zeros(len(p), bool)
