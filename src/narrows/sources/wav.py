"""Sound: wav files as series of numbers, read when they are asked for.

Samples of whole numbers are divided by the largest of their format, so that files of different
formats speak of the same loudness: [−1, 1), 0 being silence.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from narrows.atomic import atomic_path
from narrows.sources.npy import Stored
from narrows.sources.places import inside, relative

ENDING = ".wav"
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # words for how samples are stored
COMPRESSED = {2: "ADPCM", 6: "A-law", 7: "µ-law", 17: "ADPCM", 49: "GSM", 85: "MP3"}
WHOLE = {1: "u1", 2: "i2", 3: "3u1", 4: "i4", 8: "i8"}  # by bytes; three are put together here
BEHIND_THE_WORD = bytes.fromhex("800000aa00389b71")  # of an extensible format that has a word
UNKNOWN = 0xFFFFFFFF  # length of a chunk that is too long for its four bytes


class Sound:
    """The samples of a wav file, (time, channels) float32, read when they are asked for.

    ``rate`` in samples per second.  PCM of 8 to 64 bits and floats of 32 and 64 bits are understood.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, compressed, or empty.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder + "/a.wav", np.array([[0.0], [0.5], [-1.0]]), 8000)
    ...     sound = Sound(folder + "/a.wav")
    ...     sound.rate, sound.shape, sound[1:].tolist()
    (8000, (3, 1), [[0.5], [-1.0]])
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no file '{path}'; give the path of a wav file.")
        try:
            with self.path.open("rb") as file:
                found = _layout(file)
        except struct.error:
            raise self._unreadable("it ends before its samples") from None
        except _OddError as error:
            raise self._unreadable(str(error)) from None
        self.rate, self.shape, stored, start = found
        if not self.shape[0]:
            raise ValueError(f"'{path}' holds no samples, expected some; leave it out.")
        self._samples = Stored(self.path, start, (*self.shape, *stored.shape), stored.base)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        """Samples ``start:stop``, (time, channels)."""
        return _levels(self._samples[which])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _unreadable(self, reason: str) -> ValueError:
        return ValueError(
            f"'{self.path}' cannot be read ({reason}), expected a complete wav file of plain samples; write it again as"
            " PCM."
        )


class Sounds(list):
    """Sounds of one rate and one number of channels, each a :class:`Sound`: rows only once they are cut
    into windows.  ``names`` are those of the files, relative to ``root`` or to the folder they share.

    Raises:
        ValueError: one of them cannot be read, or they differ in sample rate or in channels.
    """

    uncut = True

    def __init__(self, files: Iterable[str | os.PathLike[str]], root: Path | None = None):
        super().__init__(Sound(file) for file in files)
        self.names = relative([sound.path for sound in self], root)
        first = self[0]
        for sound in self:
            if sound.rate != first.rate:
                raise ValueError(
                    f"'{sound.path}' has {sound.rate} samples per second, expected {first.rate} as in '{first.path}';"
                    " resample it, or give sounds of one rate."
                )
            if sound.shape[1] != first.shape[1]:
                raise ValueError(
                    f"'{sound.path}' has {sound.shape[1]} channel(s), expected {first.shape[1]} as in '{first.path}';"
                    " mix them, or give sounds of one kind."
                )

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self[0].rate

    def only(self, i: int) -> Sounds:
        """The i-th alone."""
        return Sounds([self[i].path])


def wav_files(path: str | os.PathLike[str]) -> list[Path]:
    """The wav files that a path stands for: itself, or those anywhere under a folder, in the order of
    their names; hidden ones are left out."""
    root = Path(path)
    if root.is_dir():
        return [root / name for name in inside(root, (ENDING,))]
    return [root] if root.suffix.lower() == ENDING else []


def read(path: str | os.PathLike[str]) -> Sounds:
    """The sounds of a wav file, or of a folder of wav files.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no wav file in the folder; or as :class:`Sounds`.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"there is no file or folder '{path}'; give the path of a wav file.")
    files = wav_files(root)
    if not files:
        raise ValueError(f"'{path}' holds no wav file, expected at least one; give a folder with some.")
    return Sounds(files, root if root.is_dir() else None)


def write(path: str | os.PathLike[str], series: np.ndarray, rate: int) -> None:
    """Write (time, channels) as 32-bit floats, which keep what is beyond [−1, 1)."""
    from scipy.io import wavfile  # here for the sake of `import narrows`'s time

    with atomic_path(path) as temporary:
        wavfile.write(temporary, rate, np.asarray(series, np.float32))


class _OddError(Exception):
    """A file that is not what can be read here, in a few words."""


def _layout(file: BinaryIO) -> tuple[int, tuple[int, int], np.dtype, int]:
    """Rate, shape, type of the stored numbers, and where they begin."""
    form, _, kind = struct.unpack("<4sI4s", file.read(12))
    if form not in (b"RIFF", b"RIFX", b"RF64") or kind != b"WAVE":
        raise _OddError("it is no wav file")
    order = ">" if form == b"RIFX" else "<"
    size, at, form, long = file.seek(0, os.SEEK_END), 12, b"", None
    while True:  # from chunk to chunk
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        at += 8
        if name == b"data":
            break
        if name == b"fmt ":
            form = file.read(min(length, 40))
        elif name == b"ds64":  # of files beyond 4 GiB
            _, long = struct.unpack("<QQ", file.read(16))
        at += length + length % 2
    length = long if long is not None and length == UNKNOWN else length
    rate, channels, stored = _format(form, order)
    if at + length > size:
        raise _OddError(f"it has {size - at} bytes of samples instead of {length}")
    if length % (stored.itemsize * channels):
        raise _OddError("its last sample is not whole")
    return rate, (length // (stored.itemsize * channels), channels), stored, at


def _format(form: bytes, order: str) -> tuple[int, int, np.dtype]:
    """Rate, channels and type of a sample, from what a file says of its format."""
    word, channels, rate, _, frame, bits = struct.unpack(f"{order}HHIIHH", form[:16])
    if word == EXTENSIBLE and form[32:40] == BEHIND_THE_WORD:
        (word,) = struct.unpack(f"{order}H", form[24:26])
    if word not in (PCM, FLOAT):
        raise _OddError(f"its samples are stored as {COMPRESSED.get(word, f'format {word}')}")
    each = frame // channels if channels else 0
    if not rate or not each or frame % channels:
        raise _OddError(f"it says {rate} samples per second of {channels} channels in {frame} bytes")
    if word == FLOAT:
        fits, stored = each in (4, 8) and bits == 8 * each, f"f{each}"
    else:  # without a sign up to 8 bits, and with one beyond
        fits, stored = each in WHOLE and 1 <= bits <= 8 * each and (bits <= 8) == (each == 1), WHOLE.get(each)
    if not fits:
        raise _OddError(f"it has {'floats' if word == FLOAT else 'numbers'} of {bits} bits in {each} bytes")
    if each == 3 and order == ">":
        raise _OddError("it has 24 bits, the highest of them first")
    return rate, channels, np.dtype(stored).newbyteorder(order)


def _levels(samples: np.ndarray) -> np.ndarray:
    """As float32 in [−1, 1), (time, channels); what is a float stays as it is.

    >>> _levels(np.array([[0], [2**14]], np.int16)).tolist()
    [[0.0], [0.5]]
    >>> _levels(np.array([[0], [128], [192]], np.uint8)).tolist()
    [[-1.0], [0.0], [0.5]]
    >>> _levels(np.array([[[0, 0, 64]]], np.uint8)).tolist()
    [[0.5]]
    """
    if samples.ndim == 3:  # of 24 bits, which become the upper ones of 32
        four = np.zeros((*samples.shape[:2], 4), np.uint8)
        four[..., 1:] = samples
        samples = four.view("<i4")[..., 0]
    levels = samples.astype(np.float32)
    if samples.dtype.kind == "f":
        return levels
    levels /= 2.0 ** (8 * samples.dtype.itemsize - 1)  # a power of two: exact
    return levels - 1 if samples.dtype.kind == "u" else levels
