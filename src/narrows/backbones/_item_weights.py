"""Weights of a linear recommender in closed form, from counts of what users have."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import torch

from narrows.contracts import Source

PIECE = 4096  # rows that are made dense together
BLOCK = 2**25  # numbers of a product that is made dense together
LARGE = 8192  # columns
UNDETERMINED = (
    "The weights of a linear recommender are not determined by these rows: pass a larger l2, such as 100."
)


def item_weights(X: Any, l2: float, dropout: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """B (items, items) with zero diagonal, and the diagonal of C (items,), both float64, where

        B = argmin ‖X − XB‖² + ‖Λ^½ B‖²  so that  diag B = 0,   Λ = l2·I + p/(1 − p)·diag XᵀX,

    which is B = I − C·diag(C)⁻¹, C = (XᵀX + Λ)⁻¹.  With ``dropout`` p = 0 that is EASE (Steck 2019,
    "Embarrassingly shallow autoencoders for sparse data", equation 8), else EDLAE (Steck 2020, "Autoencoders
    that don't overfit towards the identity", equation 11).

    ``X``  scipy.sparse (users, items), finite numbers.

    Where there are fewer users than items the inverse is taken among users (Woodbury's identity).

    >>> import scipy.sparse
    >>> B, _ = item_weights(scipy.sparse.csr_array([[1.0, 1.0], [1.0, 0.0]]), l2=1.0)
    >>> B.round(3)  # Σ x₀x₁ over Σ x₀² + 1, and over Σ x₁² + 1
    array([[0.   , 0.333],
           [0.5  , 0.   ]])
    """
    X = X.tocsr().astype(np.float64)
    loads = l2 + dropout / (1 - dropout) * np.asarray(X.multiply(X).sum(0)).ravel()
    C = _among_users(X, loads) if X.shape[0] < X.shape[1] else _among_items(X, loads)
    pivots = np.diag(C).copy()
    C /= -pivots
    np.fill_diagonal(C, 0.0)
    return C, pivots


def _among_items(X: Any, loads: np.ndarray) -> np.ndarray:
    """(XᵀX + Λ)⁻¹, piece by piece of its columns made dense."""
    n = X.shape[1]
    gram, across = np.empty((n, n), order="F"), X.T.tocsr()
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        gram[:, start : start + step] = (across @ X[:, start : start + step]).toarray()
    gram[np.diag_indices(n)] += loads
    return inverse(gram)


def _among_users(X: Any, loads: np.ndarray) -> np.ndarray:
    """Λ⁻¹ − Λ⁻¹Xᵀ (I + XΛ⁻¹Xᵀ)⁻¹ XΛ⁻¹."""
    scaled = X.multiply(1 / loads[None, :]).tocsr()
    among = inverse(np.asfortranarray((scaled @ X.T).toarray() + np.eye(X.shape[0])))
    wide = scaled.toarray()
    C = wide.T @ (among @ wide)
    np.negative(C, out=C)
    C[np.diag_indices_from(C)] += 1 / loads
    return C


def inverse(A: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric positive definite matrix, in its own memory where that is in columns' order."""
    if len(A) > LARGE:
        return _large_inverse(A)
    factor, failed = scipy.linalg.lapack.dpotrf(A, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError(UNDETERMINED)
    for start in range(0, len(factor), PIECE):  # LAPACK leaves the upper half as it was
        stop = start + PIECE
        factor[start:stop, stop:] = factor[stop:, start:stop].T
        square = factor[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
    return factor


def _large_inverse(A: np.ndarray) -> np.ndarray:
    """The same by Torch's libraries: on several threads those of SciPy's wheels end the process at 20,000 columns."""
    a, info = torch.from_numpy(A), torch.zeros((), dtype=torch.int32)
    torch.linalg.cholesky_ex(a, out=(a, info))
    if info:
        raise ValueError(UNDETERMINED)
    torch.cholesky_inverse(a, out=a)
    return A


def more_rows(B: np.ndarray, pivots: np.ndarray, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """B and the diagonal of C after further rows X, as if they had been among the first.

    C is what both are made from, C = diag(C)·(I − B) by columns; rows are added by Woodbury's identity.  The loads
    stay what they were.
    """
    C = -B * pivots
    C[np.diag_indices_from(C)] = pivots
    C = 0.5 * (C + C.T)  # it is symmetric but for rounding
    X = X.tocsr().astype(np.float64)
    for start in range(0, X.shape[0], PIECE):
        x = X[start : start + PIECE]
        XC = x @ C
        among = np.asfortranarray(XC @ x.T.toarray() + np.eye(x.shape[0]))
        C -= XC.T @ (inverse(among) @ XC)
    pivots = np.diag(C).copy()
    C /= -pivots
    np.fill_diagonal(C, 0.0)
    return C, pivots


def gathered(source: Source) -> Any:
    """All rows of a source as one sparse matrix."""
    parts = [scipy.sparse.csr_array(batch.x.flatten(1).cpu().numpy()) for batch in source.batches(PIECE // 8)]
    return scipy.sparse.vstack(parts).tocsr()
