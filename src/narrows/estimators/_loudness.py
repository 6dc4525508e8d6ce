"""Series of one power, for noise that is given as signal-to-noise ratios."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from narrows.inputs.windows import Windows

SPEEDS = (1.0, 0.87, 1.15)  # that sounds are played at in training
QUIET = 0.05  # share of a noisy series' power that its signal has at least


def power(series: np.ndarray, level: float = 0.0) -> float:
    """The root of the mean square of a series without its noise; 1 where there is nothing."""
    mean = float(np.square(series, dtype=np.float64).mean())
    return math.sqrt(max(mean - level**2, QUIET * mean)) or 1.0


def equally_loud(rows: Any) -> Windows:
    """Windows to train on: of the same series, each of power 1, as they are, slower and faster, which makes
    other voices of a few (Ko et al. 2015, "Audio augmentation for speech recognition")."""
    if not isinstance(rows, Windows):
        raise ValueError(
            "noise was given in dB, but X is no sounds or long series: pass a standard deviation, or"
            " input=Signals(window=…)."
        )
    series = [np.asarray(x[:], dtype=np.float32) for x in rows.series]
    played = [at_speed(x / np.float32(power(x)), speed) for x in series for speed in SPEEDS]
    return Windows([x for x in played if len(x) >= rows.window], rows.window, rows.step)


def at_speed(series: np.ndarray, speed: float) -> np.ndarray:
    """(time, channels) played so many times as fast, between samples by straight lines."""
    if speed == 1:
        return series
    at = np.arange(0, len(series) - 1, speed)
    low = np.minimum(at.astype(int), len(series) - 2)  # the last step may round beyond
    share = (at - low).astype(series.dtype)[:, None]
    return (1 - share) * series[low] + share * series[low + 1]
