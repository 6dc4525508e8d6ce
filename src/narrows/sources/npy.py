"""Rows of an array in a file that stay in the file until they are asked for."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

BLOCK = 1 << 20  # bytes that are read together
LOOKS = 64  # rows by which a mapped array's file is known again
# The system is told to bring a piece in at once, where it can be: else every page is asked for by itself.
FLAGS = {"flags": mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)} if hasattr(mmap, "MAP_SHARED") else {}


class Stored:
    """An array (n, \\*row) of ``dtype`` in a file, row by row from byte ``start`` on; never more of it in
    memory than is asked for.

    A slice is mapped for as long as somebody holds it, which costs no copy.  One mapping of the whole
    would count as the process's own memory for as long as the system likes to keep it.
    """

    def __init__(self, path: str | os.PathLike[str], start: int, shape: tuple[int, ...], dtype: np.dtype):
        self.path, self._start, self.shape = Path(path), start, tuple(shape)
        self._stored = dtype
        self.dtype = dtype.newbyteorder("=")
        self._row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize  # bytes of one
        self.block = max(1, BLOCK // max(1, self._row))
        self._check(self.path.stat().st_size)

    def _check(self, found: int) -> None:
        wanted = self._start + self.shape[0] * self._row
        if found < wanted:
            raise ValueError(
                f"'{self.path}' has {found} bytes, expected {wanted}; it is cut short: write it again."
            )

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        start, stop, _ = which.indices(len(self))
        shape = (max(0, stop - start), *self.shape[1:])
        if 0 in shape:
            return np.empty(shape, self.dtype)
        first = self._start + start * self._row
        whole = first - first % mmap.ALLOCATIONGRANULARITY  # where a mapping may begin
        with self.path.open("rb") as file:
            self._check(os.fstat(file.fileno()).st_size)  # reading behind its end would be fatal
            length = first - whole + shape[0] * self._row
            how = FLAGS | {"prot": mmap.PROT_READ} if FLAGS else {"access": mmap.ACCESS_READ}
            piece = mmap.mmap(file.fileno(), length, offset=whole, **how)
        rows = np.ndarray(shape, self._stored, piece, first - whole)
        return rows if rows.dtype.isnative else rows.astype(self.dtype)


class Npy(Stored):
    """The array in an ``.npy`` file as :class:`narrows.contracts.Rows`, read piece by piece.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/x.npy", np.eye(3))
    ...     rows = Npy(folder + "/x.npy")
    ...     rows.shape, rows[1:2].tolist()
    ((3, 3), [[0.0, 1.0, 0.0]])
    """

    def __init__(self, path: str | os.PathLike[str]):
        try:
            with Path(path).open("rb") as file:
                version = np.lib.format.read_magic(file)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }
                shape, fortran, dtype = read[version](file)
                start = file.tell()
        except (ValueError, KeyError, EOFError) as error:
            raise ValueError(
                f"'{path}' is not a complete npy file of numbers ({str(error) or type(error).__name__}); write it"
                " with numpy.save."
            ) from None
        if dtype.hasobject or dtype.kind not in "biuf" or dtype.itemsize > 8 or not shape:
            raise ValueError(
                f"'{path}' holds an array of {dtype} of shape {shape}, expected rows of numbers; write those with"
                " numpy.save."
            )
        if fortran and len(shape) > 1:
            raise ValueError(
                f"'{path}' is stored column by column, expected row by row; write numpy.ascontiguousarray(array)."
            )
        super().__init__(path, start, shape, dtype)


def stored(array: np.memmap) -> Stored | None:
    """The rows of a mapped array, read from its file a piece at a time; None where the file does not
    hold them as they lie in the array: other strides, changes that were never to reach the file, or
    another file that stands in its place.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/x.npy", np.eye(3))
    ...     half = np.load(folder + "/x.npy", mmap_mode="r")[1:]
    ...     stored(half)[0:1].tolist()
    [[0.0, 1.0, 0.0]]
    """
    root = array
    while isinstance(root.base, np.memmap):
        root = root.base
    if not isinstance(root.base, mmap.mmap) or root.mode == "c" or root.filename is None:
        return None
    plain = array.dtype.kind in "biuf" and array.dtype.itemsize <= 8
    if not (array.flags.c_contiguous and array.ndim and len(array) and plain):
        return None
    if array.flags.writeable:
        array.flush()
    offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    try:
        rows = Stored(root.filename, root.offset + offset, array.shape, array.dtype)
    except (OSError, ValueError):  # the file is gone, or is another one by now: the mapping still has the old
        return None
    places = np.linspace(0, len(array) - 1, LOOKS).astype(int)
    same = all(rows[i : i + 1].tobytes() == array[i : i + 1].tobytes() for i in places)
    return rows if same else None
