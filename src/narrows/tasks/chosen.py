"""What measures are taken of: some of many rows, so many times."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from narrows.contracts import Rows


def some(rows: np.ndarray | Rows, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """At most so many of the rows, drawn by ``seed``, and their numbers, rising."""
    which = np.arange(len(rows))
    if len(rows) > most:
        which = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    if isinstance(rows, np.ndarray):
        return rows[which], which
    # Runs of neighbours are read at once.
    runs = np.split(which, np.flatnonzero(np.diff(which) > 1) + 1)
    return np.concatenate([rows[int(run[0]) : int(run[-1]) + 1] for run in runs]), which


def whole(name: str, value: Any) -> int:
    """``value`` if it is a whole number ≥ 1."""
    if not (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
        raise ValueError(f"{name}={value!r} is not usable: pass a whole number ≥ 1.")
    return int(value)
