"""Users and items as short vectors whose products say who has what: weighted least squares, in turns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

PASSES = 8  # over users and items; more of them change little
MOST = 50_000  # rows that items are learned from: so many say where an item is
BLOCK = 2**22  # numbers of the systems of equations that are solved at once


def item_factors(X: Any, k: int, unseen: float, ridge: float, gen: torch.Generator) -> Tensor:
    """Y (items, k), float64: the vectors of items that, with vectors u of users, make small

        Σ_seen (1 − u·y)² + unseen·Σ_all (u·y)² + Σ_u r(u)‖u‖² + Σ_y r(y)‖y‖²,

    where r(·) = ridge·(how many a user or an item has + unseen·how many there are).  Users and items are found in
    turns, each in closed form, as long as ``PASSES`` say; of more than ``MOST`` rows a random part is used.

    ``X``  scipy.sparse (users, items): what is not zero is seen.

    Hu, Koren & Volinsky 2008, "Collaborative filtering for implicit feedback datasets"; with the penalties of Rendle,
    Krichene, Zhang & Koren 2022, "Revisiting the performance of iALS on item recommendation benchmarks", ν = 1.

    >>> import scipy.sparse
    >>> X = scipy.sparse.csr_array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> Y = item_factors(X, 2, 0.1, 0.01, torch.Generator().manual_seed(0))
    >>> (Y @ Y.T > 0.1).int()  # who has the first has the second
    tensor([[1, 1, 0],
            [1, 1, 0],
            [0, 0, 1]], dtype=torch.int32)
    """
    X = X.tocsr()
    if X.shape[0] > MOST:
        some = torch.randperm(X.shape[0], generator=gen)[:MOST].sort().values
        X = X[some.numpy()]
    users, items = _places(X), _places(X.T.tocsr())
    Y = torch.randn(X.shape[1], k, generator=gen, dtype=torch.float64) * (0.1 * k**-0.5)
    for _ in range(PASSES):
        U = fold_in(*users, Y, gram(Y, unseen), unseen, ridge)
        Y = fold_in(*items, U, gram(U, unseen), unseen, ridge)
    return Y


def gram(Y: Tensor, unseen: float) -> Tensor:
    """unseen·YᵀY (k, k), what every user's equations share."""
    return unseen * (Y.T @ Y)


def fold_in(
    place: Tensor, counts: list[int], Y: Tensor, shared: Tensor, unseen: float, ridge: float
) -> Tensor:
    """The best vectors (rows, k) of rows that have ``counts`` things each, ``place`` of all of them, one after another.

    ``shared`` is :func:`gram` of Y.  A row's vector depends on its own things alone.
    """
    k, found = Y.shape[1], Y.new_zeros(len(counts), Y.shape[1])
    step, begin = max(1, BLOCK // k**2), 0
    for start in range(0, len(counts), step):
        part = counts[start : start + step]
        end = begin + sum(part)
        mine = Y[place[begin:end]].split(part)
        A = torch.stack([y.T @ y for y in mine]) + shared
        held = ridge * (torch.tensor(part, dtype=Y.dtype, device=Y.device) + unseen * len(Y))
        A.diagonal(dim1=1, dim2=2).add_(held[:, None])
        b = torch.stack([y.sum(0) for y in mine])
        found[start : start + step] = torch.cholesky_solve(b[..., None], torch.linalg.cholesky(A))[..., 0]
        begin = end
    return found


def _places(X: Any) -> tuple[Tensor, list[int]]:
    return torch.from_numpy(X.indices.astype(np.int64)), np.diff(X.indptr).tolist()
