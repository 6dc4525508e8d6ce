"""Sound: a wav file, or a folder of them, as series of numbers.

Samples of whole numbers are divided by the largest of their format, so that files of different
formats speak of the same loudness: [−1, 1), 0 being silence.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ENDING = ".wav"
# What the reader raises on bytes that are not a wav file: it trusts every number in a header.
_DAMAGED = (
    ArithmeticError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, eq=False)
class Waves:
    """``series`` (time, channels) float32, one per file; ``rate`` in samples per second, the same for all;
    ``names`` of the files, relative to their folder."""

    series: list[np.ndarray]
    rate: int
    names: tuple[str, ...]


def wav_files(path: str | os.PathLike[str]) -> list[Path]:
    """The wav files that a path stands for: itself, or those anywhere under a folder, in the order of
    their names; hidden ones are left out."""
    root = Path(path)
    if not root.is_dir():
        return [root] if root.suffix.lower() == ENDING else []
    found = {file: file.relative_to(root).parts for file in root.rglob("*") if file.suffix.lower() == ENDING}
    hidden = {file for file, parts in found.items() if any(part.startswith(".") for part in parts)}
    return sorted(file for file in found.keys() - hidden if file.is_file())


def read(path: str | os.PathLike[str]) -> Waves:
    """The sounds of a wav file or of a folder of wav files.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no wav file in the folder, one of them is damaged, compressed or empty, or
            they differ in sample rate or in channels.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"there is no file or folder '{path}'; give the path of a wav file.")
    files = wav_files(root)
    if not files:
        raise ValueError(f"'{path}' holds no wav file, expected at least one; give a folder with some.")
    rate, first = _one(files[0])
    series = [first]
    for file in files[1:]:
        its_rate, samples = _one(file)
        if its_rate != rate:
            raise ValueError(
                f"'{file}' has {its_rate} samples per second, expected {rate} as in '{files[0]}'; resample it, or give"
                " a folder of one rate."
            )
        if samples.shape[1] != first.shape[1]:
            raise ValueError(
                f"'{file}' has {samples.shape[1]} channel(s), expected {first.shape[1]} as in '{files[0]}'; mix them,"
                " or give a folder of one kind."
            )
        series.append(samples)
    names = tuple(file.name if file == root else file.relative_to(root).as_posix() for file in files)
    return Waves(series, rate, names)


def _one(path: Path) -> tuple[int, np.ndarray]:
    """Sample rate and samples (time, channels) of one file."""
    from scipy.io import wavfile  # here for the sake of `import narrows`'s time

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # notes of editors beside the sound
        warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
        try:
            rate, samples = wavfile.read(path)
        except (*_DAMAGED, wavfile.WavFileWarning) as error:
            reason = str(error).splitlines()[:1] or [type(error).__name__]
            raise ValueError(
                f"'{path}' cannot be read ({reason[0].partition('. ')[0].rstrip('.')}), expected a complete wav file of"
                " plain samples; write it again as PCM."
            ) from None
    if not len(samples):
        raise ValueError(f"'{path}' holds no samples, expected some; leave it out.")
    return int(rate), _levels(samples.reshape(len(samples), -1))


def _levels(samples: np.ndarray) -> np.ndarray:
    """As float32 in [−1, 1); what is a float stays as it is.

    >>> _levels(np.array([-128, 0, 64], np.int8)).tolist()
    [-1.0, 0.0, 0.5]
    >>> _levels(np.array([0, 128, 192], np.uint8)).tolist()
    [-1.0, 0.0, 0.5]
    """
    levels = samples.astype(np.float32)
    if samples.dtype.kind == "f":
        return levels
    levels /= 2.0 ** (8 * samples.dtype.itemsize - 1)  # a power of two: exact
    return levels - 1 if samples.dtype.kind == "u" else levels
