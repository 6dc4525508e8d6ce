"""Rows of a sparse matrix, made dense a few at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.inputs import _checks

BLOCK = 2**16  # numbers of one piece: in making fewer dense, most of the time goes into calling SciPy


class SparseRows:
    """The rows of a matrix in SciPy's canonical CSR format as :class:`narrows.contracts.Rows`, float32.

    Indexed by a slice, or by an array of row numbers or of booleans, they give those rows as a dense
    array, and by ``take`` as ``SparseRows``.  The whole is never made dense, unless all rows are asked
    for at once.

    >>> import scipy.sparse
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(3)))
    >>> rows[1:]
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """

    dtype = np.dtype(np.float32)
    ndim = 2
    anywhere = True  # single rows are read as quickly as runs of them

    def __init__(self, csr: Any):
        self.matrix = csr.astype(np.float32, copy=False)  # the places are shared, the numbers if they can be
        self.shape: tuple[int, int] = csr.shape
        self.block = max(1, BLOCK // max(1, csr.shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        if isinstance(which, (int, np.integer)):
            raise TypeError(
                f"Sparse rows got the index {which}, but are read several at a time: pass a slice or an array."
            )
        return self.matrix[which].toarray()

    def take(self, which: slice | np.ndarray) -> SparseRows:
        """Some of the rows, as sparse as they are."""
        return SparseRows(self.matrix[which])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        # NumPy would make one of its own accord, and all rows may not fit into memory.
        raise TypeError(
            f"Sparse rows of shape {self.shape} were to become one dense array: use rows[0:256] and so on,"
            " or rows[:] if they fit into memory."
        )


def check_shape(X: Any) -> None:
    """A SciPy matrix or array with rows and columns."""
    if X.ndim != 2:
        raise ValueError(
            f"X is a {X.ndim}-D sparse array of shape {X.shape}, but a 2-D one (rows, features) was expected:"
            " pass X.reshape(1, -1) if it is one row."
        )
    if 0 in X.shape:
        _checks.nonempty(np.empty(X.shape))


def sparse_counts(X: Any) -> SparseRows:
    """The rows of a SciPy matrix or array of any format; refused unless they are finite numbers ≥ 0."""
    check_shape(X)
    csr = X.tocsr()
    if not csr.has_canonical_format:  # an entry may stand there in several parts
        csr = csr.copy() if csr is X else csr
        csr.sum_duplicates()
    _checks.numeric(csr.data)
    _check(csr.data, lambda i: (int(np.searchsorted(csr.indptr, i, side="right")) - 1, int(csr.indices[i])))
    return SparseRows(csr)


def dense_counts(array: np.ndarray) -> np.ndarray:
    """The array (n, features) itself; refused if a number is negative.  NaN is somebody else's business."""
    _check(array.reshape(-1), lambda i: tuple(map(int, np.unravel_index(i, array.shape))), finite=False)
    return array


def _check(values: np.ndarray, place: Any, finite: bool = True) -> None:
    """Values (k,) that are finite and not negative; ``place`` gives row and column of the i-th."""
    if finite and values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            first = int(bad.argmax())
            what = "NaN" if np.isnan(values[first]) else "infinity (inf)"
            row, column = place(first)
            raise ValueError(
                f"X holds {what} at row {row}, column {column}, but complete finite counts were expected:"
                " drop those rows or pass 0."
            )
    if values.dtype.kind in "if" and values.size and values.min() < 0:
        first = int((values < 0).argmax())
        row, column = place(first)
        raise ValueError(
            f"X holds {values[first]:.6g} at row {row}, column {column}, but counts were expected: pass numbers ≥ 0,"
            " or a dense array with input=Vectors() for numbers of any sign."
        )
