"""A folder of picture files as rows that are decoded when they are asked for."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from narrows.sources import pictures
from narrows.sources.places import common, inside, relative

BLOCK = 8  # files that are decoded together, each on a thread of its own
NAMED = 10  # damaged files that a warning names
WORTH = 1 << 20  # pixels to decode that threads are started for
QUEUED = 1024  # files that wait for a thread at most


class ImageFolder:
    """The pictures of a folder, (n, height, width[, channels]) uint8, as :class:`narrows.contracts.Rows`.

    ``path``  a folder, searched with the folders in it for .png, .jpg, .jpeg, .bmp, .tif, .tiff and .webp
              files, hidden ones left out; or one such file, or a list of them.  Rows are in the order of
              ``names``, which are relative to ``root``.
    ``size``  (height, width) that every picture is resized to as it is read, each new pixel a mean of all
              that it covers (:func:`narrows.sources.pictures.resize`); None: pictures must be of one size.
    ``mode``  "L" (grey), "RGB" or "RGBA", which every picture is converted to (opacity is dropped); None:
              they must be of one kind.
    ``skip_damaged``  leave out files that cannot be read, after one warning that names them; every file
              is decoded once to find them.  ``damaged`` has their names.

    Files are decoded by Pillow, a few at a time, and forgotten: memory holds what is asked for, never
    the folder.  What other formats are read as: see :mod:`narrows.sources.pictures`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no pictures; or, when they are read or ``check`` is called: one is damaged, of
            more than 8 bits per pixel, or of another size or mode than the first.
        ImportError: Pillow is not installed.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.png", "a.png"):
    ...         Image.new("RGB", (6, 4), (0, 0, 9)).save(f"{folder}/{name}")
    ...     rows = ImageFolder(folder)
    ...     rows.names, rows.shape, rows[:1][0, 0, 0].tolist()
    (('a.png', 'b.png'), (2, 4, 6, 3), [0, 0, 9])
    """

    dtype = np.dtype(np.uint8)
    block = BLOCK

    def __init__(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        size: tuple[int, int] | None = None,
        mode: str | None = None,
        skip_damaged: bool = False,
    ):
        if mode is not None and mode not in pictures.MODES:
            raise ValueError(
                f"ImageFolder got mode={mode!r}, but expected None or one of"
                f" {', '.join(map(repr, pictures.MODES))}."
            )
        pictures.pillow()  # says so if it is not there
        self.path = path
        self.root, names = _found(path)
        self.size = None if size is None else check_size("ImageFolder", size)
        self.mode = mode
        self.names: tuple[str, ...] = tuple(names)
        self.damaged: tuple[str, ...] = ()
        if skip_damaged:
            self._leave_out(path)
        self._first = pictures.header(self.file(0))  # height, width and mode, which the others must have

    @property
    def shape(self) -> tuple[int, ...]:
        height, width, mode = self._first
        return (len(self.names), *(self.size or (height, width)), *pictures.MODES[self.mode or mode])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, which: Any) -> np.ndarray:
        """The pictures of a slice, of an array of numbers or of booleans, (k, height, width[, channels]);
        of one number, that picture."""
        if isinstance(which, (int, np.integer)):
            return self._alike(range(len(self))[which])
        numbers = range(len(self))[which] if isinstance(which, slice) else np.arange(len(self))[which]
        found = np.empty((len(numbers), *self.shape[1:]), np.uint8)

        def fill(k: int) -> None:
            found[k] = self._alike(int(numbers[k]))

        height, width, _ = self._first
        for _ in _each(fill, len(numbers), pixels=height * width):
            pass
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        # NumPy would make one of its own accord, and all pictures may not fit into memory.
        raise TypeError(
            f"A folder of pictures, {self.shape}, was to become one array: use rows[0:256] and so on, or rows[:] if"
            " they fit into memory."
        )

    def file(self, i: int) -> str:
        """Where the i-th picture lies."""
        return os.path.join(self.root, self.names[i])

    def only(self, i: int) -> ImageFolder:
        """The i-th picture alone."""
        other = copy.copy(self)
        other.names, other.path = (self.names[i],), self.file(i)
        return other

    def resized(self, size: tuple[int, int]) -> ImageFolder:
        """The same pictures, read in another ``size`` (height, width)."""
        other = copy.copy(self)
        other.size = check_size("ImageFolder", size)
        return other

    def picture(self, i: int) -> np.ndarray:
        """The i-th picture, of whatever size it has (unless ``size`` is given), (height, width[, channels])."""
        found = pictures.decode(self.file(i), self.size, self.mode)
        if found.shape[2:] != self.shape[3:]:
            raise self._other_mode(i, next(m for m, c in pictures.MODES.items() if c == found.shape[2:]))
        return found

    def sizes(self) -> np.ndarray:
        """(n, 2): height and width of every picture, by a look at each header; refused unless all are of
        one mode."""
        found = np.array([self._size(i) for i in range(len(self))])
        return found if self.size is None else np.broadcast_to(self.size, found.shape)

    def check(self) -> None:
        """Refuse unless all pictures are of one size and mode, by a look at each file's header."""
        for i in range(len(self)):
            size = self._size(i)
            if self.size is None and size != self._first[:2]:
                raise self._other_size(i, *size)

    def _size(self, i: int) -> tuple[int, int]:
        height, width, mode = pictures.header(self.file(i))
        if self.mode is None and mode != self._first[2]:
            raise self._other_mode(i, mode)
        return height, width

    def _alike(self, i: int) -> np.ndarray:
        found = self.picture(i)
        if found.shape[:2] != self.shape[1:3]:
            raise self._other_size(i, *found.shape[:2])
        return found

    def _other_size(self, i: int, height: int, width: int) -> ValueError:
        first = self._first[:2]
        return ValueError(
            f"'{self.file(i)}' is {height} × {width} pixels, but {first[0]} × {first[1]} (height × width) were expected"
            f" as in '{self.file(0)}': pass input=Images(size=(h, w)), such as {first}, to resize all of them."
        )

    def _other_mode(self, i: int, mode: str) -> ValueError:
        return ValueError(
            f"'{self.file(i)}' is a picture of mode '{mode}', but '{self._first[2]}' was expected as in"
            f" '{self.file(0)}': pass sources.ImageFolder(folder, mode='RGB') to convert all of them."
        )

    def _leave_out(self, path: str | os.PathLike[str]) -> None:
        """Keep the names of files that can be decoded, and warn of the others."""

        def reason(i: int) -> str | None:
            try:
                pictures.decode(self.file(i), self.size)
            except pictures.DamagedError as error:
                return error.reason
            return None

        reasons = dict(zip(self.names, _each(reason, len(self), pixels=WORTH), strict=True))
        lost = {name: why for name, why in reasons.items() if why is not None}
        if not lost:
            return
        named = ", ".join(f"'{name}' ({why})" for name, why in list(lost.items())[:NAMED])
        more = f" and {len(lost) - NAMED} more (see ImageFolder.damaged)" if len(lost) > NAMED else ""
        if len(lost) == len(self):
            raise ValueError(
                f"'{path}' holds {len(lost)} picture(s) and none can be read, expected at least one: write them again;"
                f" they are {named}{more}."
            )
        warnings.warn(
            f"Left out {len(lost)} of {len(self)} pictures in '{path}' that cannot be read: {named}{more}.",
            stacklevel=3,
        )
        self.names, self.damaged = tuple(name for name in self.names if name not in lost), tuple(lost)


def _found(path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[Path, list[str]]:
    """A folder, and the names of pictures in it."""
    if not isinstance(path, (str, os.PathLike)):
        files = [Path(file) for file in path]
        if lost := [file for file in files if not file.is_file()]:
            raise FileNotFoundError(f"there is no picture '{lost[0]}'; give the paths of pictures.")
        if not files:
            raise ValueError(
                "ImageFolder got an empty list, expected at least one picture; give paths of some."
            )
        return common(files), list(relative(files))
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(
            f"there is no folder or picture '{path}'; give the path of a folder of pictures."
        )
    if not (names := image_files(root)):
        raise ValueError(
            f"'{path}' holds no pictures, expected at least one {', '.join(pictures.ENDINGS)} file; give a folder"
            " with some."
        )
    return root if root.is_dir() else root.parent, names


def image_files(path: str | os.PathLike[str]) -> list[str]:
    """The picture files that a path stands for, without a look into them: the one it is, or those anywhere
    under a folder, as names relative to it, in their order; hidden ones are left out."""
    root = Path(path)
    if root.is_dir():
        return inside(root, pictures.ENDINGS)
    return [root.name] if root.suffix.lower() in pictures.ENDINGS else []


def check_size(owner: str, size: Any) -> tuple[int, int]:
    """``size`` as a pair of pixels; refused unless it is (height, width)."""
    whole = isinstance(size, (tuple, list)) and all(
        isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side >= 1 for side in size
    )
    if not whole or len(size) != 2:
        raise ValueError(
            f"{owner} got size={size!r}, but expected (height, width): pass two whole numbers ≥ 1."
        )
    return int(size[0]), int(size[1])


def _each(job: Callable[[int], Any], count: int, pixels: int) -> Iterator[Any]:
    """The job for 0 … count − 1, files of about so many pixels, a few at once where that pays, its answers in
    order; decoders let other threads run."""
    workers = min(BLOCK, os.cpu_count() or 1, count)
    if workers < 2 or count * pixels < WORTH:
        yield from map(job, range(count))
        return
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, count, QUEUED):
            yield from pool.map(job, range(start, min(start + QUEUED, count)))
