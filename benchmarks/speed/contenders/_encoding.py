"""How answers are timed: many rows at once, and one row at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.speed import arrays
from benchmarks.speed.contract import Case, FailedError, Figures

Encode = Callable[[np.ndarray], np.ndarray]
CALLS = 5  # with all rows, per run
AGREE = 1e-4  # relative deviation from the right codes that is allowed


def timed(encode: Encode, folder: Path, rows: np.ndarray, case: Case) -> Figures:
    """Rows per second of whole calls, or the milliseconds of calls with one row."""
    (right,) = arrays.read(folder, f"{case.params['model']}_codes")
    off = float(np.abs(encode(rows[: len(right)]) - right).max() / np.abs(right).max())
    if not off < AGREE:
        raise FailedError(f"codes are off by {off:.1e} of their size, more than {AGREE:.0e}")
    if not case.params["single"]:
        encode(rows)
        seconds = [_once(encode, rows) for _ in range(CALLS)]
        return {"value": len(rows) / float(np.median(seconds)), "quality": off}
    count = case.params["calls"]
    for i in range(20):
        encode(rows[i : i + 1])
    ms = [1e3 * _once(encode, rows[i : i + 1]) for i in range(count)]
    return {"value": float(np.median(ms)), "quality": off, "p99": float(np.quantile(ms, 0.99))}


def _once(encode: Encode, rows: np.ndarray) -> float:
    began = time.perf_counter()
    encode(rows)
    return time.perf_counter() - began
