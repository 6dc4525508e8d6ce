"""Sparse matrices, made dense a few rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse

from narrows.atomic import atomic_path
from narrows.coding import Reader
from narrows.estimators.contents.packed import wrong
from narrows.estimators.contents.rows import Answer, Content
from narrows.inputs import _checks

WHOLE = ("u1", "i1", "u2", "i2", "i4")  # types that whole numbers are stored as, the first that holds them
ENDINGS = (".npz", ".mtx")


class Sparse(Content):
    """The rows of a SciPy matrix (n, features).  They come back exactly: an error would leave no zeros.  Whole
    numbers, as counts are, are stored as such, whatever their type.  As in ``X.toarray()``, entries given twice are
    added up, and a stored zero, −0.0 too, is a zero like those that are not stored."""

    kind = "sparse"
    endings = ENDINGS
    always = True

    def __init__(self, X: Any, schema: Any):
        self.schema = schema
        if X.ndim != 2 or self.schema.row != (X.shape[-1],):
            _checks.width(X.shape[-1], self.schema.features)
            raise ValueError(
                f"X is a sparse matrix of shape {X.shape}, but the model was fitted on rows of shape {self.schema.row}:"
                " pass X.toarray() in that shape."
            )
        rows = X.tocsr()
        if not rows.has_canonical_format:  # sums may be larger than what is added up
            rows = rows.copy()
            rows.sum_duplicates()
        self.of, self.array = np.dtype(rows.dtype), isinstance(X, scipy.sparse.sparray)
        rows = rows.astype(_smallest(rows.data), copy=False)
        self._take(rows)

    @property
    def nbytes(self) -> int:
        """Of the matrix in the format CSR, as it was given."""
        return self.source.nnz * (self.of.itemsize + self.source.indices.itemsize) + self.source.indptr.nbytes

    @property
    def facts(self) -> dict[str, Any]:
        return {"of": self.of.str, "array": self.array}

    def __getitem__(self, which: slice) -> np.ndarray:
        return np.ascontiguousarray(self.source[which].toarray(), self.dtype)


def _smallest(values: np.ndarray) -> np.dtype:
    """The type that values of a matrix, and zeros, are stored as."""
    if values.dtype.kind == "b":
        return np.dtype(np.uint8)
    if not values.size or values.dtype.kind not in "fiu":
        return values.dtype
    low, high = min(0, values.min()), max(0, values.max())
    if values.dtype.kind == "f" and not (
        np.isfinite((low, high)).all() and (np.rint(values) == values).all()
    ):
        return values.dtype
    low, high = int(low), int(high)  # a float would be compared with an end as a float has it
    fits = (np.dtype(name) for name in WHOLE if np.iinfo(name).min <= low and high <= np.iinfo(name).max)
    return next(fits, values.dtype)


class SparseAnswer(Answer):
    """A SciPy matrix in the format CSR, of the type that was given."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        try:
            self.of = np.dtype(self.header["of"])
        except (KeyError, TypeError):
            raise wrong("it does not say what its numbers were") from None
        if self.of.kind not in "fiub" or len(self.shape) != 1:
            raise wrong(f"it speaks of a sparse matrix of {self.of}")
        self.build = scipy.sparse.csr_array if self.header.get("array") else scipy.sparse.csr_matrix

    def here(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Any:
        found = [self.build(part.astype(self.of)) for part in parts]
        if not found:
            return self.build((0, *self.shape), dtype=self.of)
        return self.build(scipy.sparse.vstack(found, format="csr"))

    def written(
        self, parts: Iterable[np.ndarray], start: int, stop: int, out: str | os.PathLike[str]
    ) -> Path:
        if Path(out).suffix.lower() not in ENDINGS:
            raise ValueError(
                f"'{out}' cannot hold a sparse matrix: pass a name that ends in {' or '.join(ENDINGS)}."
            )
        with atomic_path(out) as temporary:
            found = self.here(parts, start, stop)
            if temporary.suffix.lower() == ".npz":
                scipy.sparse.save_npz(temporary, found)
            else:
                scipy.io.mmwrite(temporary, found)
        return Path(out)
