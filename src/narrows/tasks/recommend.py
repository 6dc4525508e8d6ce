"""Which items a user is likely to take next, and why; how to tell whether that is so stands beside it.

Rows are users, columns items, an entry is an interaction.  Scores are what the decoder says of each item, before
its likelihood: logits, or what a linear model predicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.inputs.sparse import SparseRows
from narrows.tasks.catalogue import interactions
from narrows.tasks.chunks import through
from narrows.tasks.ranking import (
    Paired,
    average_precision,
    bootstrap,
    coverage,
    ndcg,
    novelty,
    popular,
    recall,
)
from narrows.tasks.splitting import Folded, Split, folded, split

BLOCK = 2**24  # scores that are held at once


def item_scores(fitted: Fitted, R: Any) -> np.ndarray:
    """Scores (n, items) of all items for users R (n, items), scipy.sparse; higher is likelier.

    A user's scores depend neither on who else is asked about nor on how many are.
    """
    net = fitted.net

    def step(x: Tensor) -> Tensor:
        return net(x).out

    return through(fitted, SparseRows(R.tocsr()), step)


def recommend(
    fitted: Fitted, R: Any, k: int = 10, *, popularity: np.ndarray, without: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Items (n, k) int64 and their scores (n, k) for users R (n, items), best first; of equal ones the first.

    ``without`` (n, items), scipy.sparse: items that are not recommended to a user.  Where fewer than k are left
    there is item −1 with the score −inf.  Users without interactions get the most popular items: their scores are
    ``popularity`` (items,).
    """
    R = R.tocsr()
    ids, scores = np.full((R.shape[0], k), -1, np.int64), np.full((R.shape[0], k), -np.inf)
    for start, stop in blocks(R.shape[0], R.shape[1]):
        found = item_scores(fitted, R[start:stop])
        found[np.diff(R[start:stop].indptr) == 0] = popularity
        if without is not None:
            found[without[start:stop].nonzero()] = -np.inf
        best = best_of(found, k)
        ids[start:stop, : best.shape[1]] = best
        scores[start:stop, : best.shape[1]] = np.take_along_axis(found, best, 1)
    ids[np.isneginf(scores)] = -1
    return ids, scores


def similar(fitted: Fitted, items: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """For items (n,) those (n, k) whose scores rise most for a user with that item alone, over those of a user with
    none, and by how much; −1 and −inf where there are fewer others."""
    count = fitted.net.shapes.features
    nobody = item_scores(fitted, scipy.sparse.csr_array((1, count), dtype=np.float32))
    ids, scores = np.full((len(items), k), -1, np.int64), np.full((len(items), k), -np.inf)
    k = min(k, count - 1)
    if not k:
        return ids, scores
    for start, stop in blocks(len(items), count):
        mine = items[start:stop]
        found = item_scores(fitted, only(mine, count)) - nobody
        found[np.arange(len(mine)), mine] = -np.inf
        ids[start:stop, :k] = best_of(found, k)
        scores[start:stop, :k] = np.take_along_axis(found, ids[start:stop, :k], 1)
    return ids, scores


def reasons(fitted: Fitted, R: Any, items: np.ndarray) -> Any:
    """What each interaction of users R (n, items) has to do with the score of one item each (n,): by how much it
    falls without that interaction; scipy.sparse, like R.

    In a linear model they sum to the score.  Users whose item is −1 have none.
    """
    R = R.tocsr()
    count = R.shape[1]
    users = np.repeat(np.arange(R.shape[0]), np.diff(R.indptr))
    told = np.zeros(len(users), np.float64)
    asked = items[users] >= 0
    for start, stop in blocks(len(users), count):
        mine = users[start:stop]
        less = R[mine] - only(R.indices[start:stop], count)
        less.eliminate_zeros()
        some, back = np.unique(mine, return_inverse=True)
        whole = item_scores(fitted, R[some])[back]
        each, target = np.arange(len(mine)), items[mine]
        told[start:stop] = whole[each, target] - item_scores(fitted, less)[each, target]
    return scipy.sparse.csr_array((np.where(asked, told, 0.0), R.indices, R.indptr), shape=R.shape)


def best_of(scores: np.ndarray, k: int) -> np.ndarray:
    """The places of the k largest of each row, largest first, of equal ones the first place."""
    k = min(k, scores.shape[1])
    values, places = (t.numpy() for t in torch.topk(torch.from_numpy(scores), k, dim=1, sorted=False))
    best = np.take_along_axis(places, np.lexsort((places, -values), axis=1), 1)
    # Of several that are equal to the last one it takes any.
    tied = np.flatnonzero((scores >= values.min(1, keepdims=True)).sum(1) > k)
    best[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
    return best


def only(items: np.ndarray, count: int) -> Any:
    """A user with one interaction for each of the items (n,): csr (n, count)."""
    ones = np.ones(len(items), np.float32)
    return scipy.sparse.csr_array((ones, items, np.arange(len(items) + 1)), shape=(len(items), count))


def blocks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Runs of rows whose scores fit into memory."""
    size = max(1, BLOCK // max(1, columns))
    for start in range(0, rows, size):
        yield start, min(rows, start + size)


__all__ = [
    "Folded", "Paired", "Split", "average_precision", "bootstrap", "coverage", "folded", "interactions",
    "item_scores", "ndcg", "novelty", "popular", "reasons", "recall", "recommend", "similar", "split",
]  # fmt: skip
