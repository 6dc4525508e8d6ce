"""Rows of an ``.npy`` file that stay in the file until they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

BLOCK = 1 << 20  # bytes that are read together


class Npy:
    """The array in an ``.npy`` file, (n, \\*row), read piece by piece: never more in memory than is asked for.

    Read, and not mapped: mapped pages would count as the process's own memory as long as the system
    likes to keep them.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/x.npy", np.eye(3))
    ...     rows = Npy(folder + "/x.npy")
    ...     rows.shape, rows[1:2].tolist()
    ((3, 3), [[0.0, 1.0, 0.0]])
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                version = np.lib.format.read_magic(file)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }
                self.shape, fortran, self.dtype = read[version](file)
                self._start = file.tell()
        except (ValueError, KeyError, EOFError) as error:
            raise ValueError(
                f"'{path}' is not a complete npy file of numbers ({str(error) or type(error).__name__}); write it"
                " with numpy.save."
            ) from None
        if self.dtype.hasobject or self.dtype.kind not in "biuf" or not self.shape:
            raise ValueError(
                f"'{path}' holds an array of {self.dtype} of shape {self.shape}, expected rows of numbers; write"
                " those with numpy.save."
            )
        if fortran and len(self.shape) > 1:
            raise ValueError(
                f"'{path}' is stored column by column, expected row by row; write numpy.ascontiguousarray(array)."
            )
        self._size = int(np.prod(self.shape[1:], dtype=np.int64))
        wanted = self._start + self.shape[0] * self._size * self.dtype.itemsize
        if (found := self.path.stat().st_size) < wanted:
            raise ValueError(
                f"'{path}' has {found} bytes, expected {wanted}; it is cut short: write it again with numpy.save."
            )
        self.block = max(1, BLOCK // max(1, self._size * self.dtype.itemsize))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        start, stop, _ = which.indices(len(self))
        count = max(0, stop - start)
        offset = self._start + start * self._size * self.dtype.itemsize
        flat = np.fromfile(self.path, self.dtype, count * self._size, offset=offset)
        return flat.reshape(count, *self.shape[1:])
