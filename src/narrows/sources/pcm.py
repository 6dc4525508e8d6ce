"""The samples of wav files as the whole numbers that stand there, and files of them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy.io import wavfile

from narrows.atomic import atomic_path
from narrows.sources import wav
from narrows.sources.wav import Sound

BITS = {8: np.dtype(np.int8), 16: np.dtype(np.int16), 24: np.dtype(np.int32), 32: np.dtype(np.int32)}
SINGLE = 24  # bits of a whole number that float32 holds


def bits(sound: Sound) -> int | None:
    """The bits of a sample that is a whole number; None of floats, and of numbers of 64 bits."""
    each = width(sound)
    return each if sound._samples.dtype.kind != "f" and each in BITS else None


def width(sound: Sound) -> int:
    """The bits of a sample in its file."""
    stored = sound._samples
    return 8 * stored.dtype.itemsize * (stored.shape[2] if stored.ndim == 3 else 1)


def is_exact(sound: Sound) -> bool:
    """Whether float32 holds every sample."""
    return width(sound) <= (32 if sound._samples.dtype.kind == "f" else SINGLE)


def rounding(of: int) -> int:
    """How much further apart two whole numbers of so many bits may be, at most, once both are rounded to float32.

    >>> rounding(24), rounding(32)
    (0, 128)
    """
    return 1 << (of - 1 - SINGLE) if of > SINGLE else 0


def whole(sound: Sound, which: slice) -> np.ndarray:
    """Samples (time, channels) as they are stored, less 128 where they have no sign."""
    found = np.asarray(sound._samples[which])
    if found.ndim == 3:
        wide = np.zeros((*found.shape[:2], 4), np.uint8)
        wide[..., 1:] = found
        return wide.view("<i4")[..., 0].astype(np.int32) >> 8
    return (found.astype(np.int16) - 128).astype(np.int8) if found.dtype.kind == "u" else found


def levels(samples: np.ndarray, of: int) -> np.ndarray:
    """Whole numbers of so many bits in [−1, 1), float32, as :class:`~narrows.sources.wav.Sound` gives them.

    >>> levels(np.array([0, -(2**15)], np.int16), 16).tolist()
    [0.0, -1.0]
    """
    return samples.astype(np.float32) * np.float32(unit(of))


def unit(of: int) -> float:
    """The level that 1 is, in whole numbers of so many bits."""
    return 2.0 ** (1 - of)


def write(path: str | os.PathLike[str], samples: np.ndarray, rate: int, of: int | None) -> None:
    """Write (time, channels): whole numbers of so many bits, those of 24 in 32, or floats."""
    if of is None:
        return wav.write(path, samples, rate)
    stored: Any = samples
    if of == 8:
        stored = (samples.astype(np.int16) + 128).astype(np.uint8)
    elif of == 24:
        stored = samples << 8
    with atomic_path(path) as temporary:
        wavfile.write(temporary, rate, stored)
    return None
