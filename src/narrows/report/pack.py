"""Numbers as a page carries them: little-endian, in base64, in as few bytes as they need."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

WHOLE = 65_535  # a 16-bit number; the last one stands for a gap


def numbers(values: np.ndarray, exact: bool = False) -> dict[str, Any]:
    """Values (n,) as ``low + step · raw``, NaN as the largest raw number: whole numbers as they are where
    they fit, others on 65,535 steps from the least to the greatest, or, if ``exact``, as float32.

    >>> numbers(np.array([3.0, 5.0, np.nan]))
    {'type': 'uint16', 'low': 3.0, 'step': 1.0, 'gap': 65535, 'data': 'AAACAP//'}
    """
    values = np.asarray(values, np.float64).ravel()
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    whole = high - low < WHOLE and bool((known == np.rint(known)).all())
    if exact and not whole:
        return {"type": "float32", "low": 0.0, "step": 1.0, "data": _text(values.astype("<f4"))}
    step = 1.0 if whole else (high - low) / (WHOLE - 1) or 1.0
    raw = np.where(np.isfinite(values), np.rint((values - low) / step), WHOLE)
    return {"type": "uint16", "low": low, "step": step, "gap": WHOLE, "data": _text(raw.astype("<u2"))}


def shades(values: np.ndarray) -> dict[str, Any]:
    """Values on 256 steps between their least and greatest: enough for a line a few pixels high."""
    values = np.nan_to_num(np.asarray(values, np.float64).ravel())
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    step = (high - low) / 255 or 1.0
    return {
        "type": "uint8",
        "low": low,
        "step": step,
        "data": _text(np.rint((values - low) / step).astype("u1")),
    }


def _text(raw: np.ndarray) -> str:
    return base64.b64encode(raw.tobytes()).decode("ascii")
