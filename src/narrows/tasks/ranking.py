"""How good recommended items are: measures of rankings, and whether one is better than another.

``ids`` are ranked items, (n, ≥ k) whole numbers, row by row the best first, −1 where there is nothing more
to recommend.  ``held`` is a scipy.sparse matrix (n, items) of what each of these users turned out to like:
anything but 0.  Measures of users without held-out items are NaN: average with ``numpy.nanmean``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.tasks import _interactions

BLOCK = 1 << 22  # numbers that are held at once in resampling and in ranking by popularity


def ndcg(ids: Any, held: Any, k: int = 100) -> np.ndarray:
    """Normalised discounted cumulative gain of each user, (n,): 1 if all that was held out stands first.

    Σ over hits 1 / log₂(rank + 1), over what the best ranking has (Järvelin & Kekäläinen 2002, equation 2, with
    gains of 0 and 1; Liang et al. 2018, section 4.2).

    >>> import scipy.sparse
    >>> held = scipy.sparse.csr_array([[0, 1, 0, 1]])
    >>> ndcg([[1, 3]], held, k=2), ndcg([[0, 1]], held, k=2).round(4)
    (array([1.]), array([0.3869]))
    """
    hits, counts = _hits(ids, held, k)
    gains = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[0.0], gains.cumsum()])
    return _share(hits @ gains, best[np.minimum(counts, hits.shape[1])])


def recall(ids: Any, held: Any, k: int = 20) -> np.ndarray:
    """The share of held-out items that are among the first k, of each user, (n,).

    The denominator is min(k, how many are held out), so that 1 can be reached (Liang et al. 2018, section 4.2).

    >>> import scipy.sparse
    >>> recall([[0, 1, 2]], scipy.sparse.csr_array([[0, 1, 0, 1]]), k=3)
    array([0.5])
    """
    hits, counts = _hits(ids, held, k)
    return _share(hits.sum(1), np.minimum(counts, hits.shape[1]))


def average_precision(ids: Any, held: Any, k: int = 100) -> np.ndarray:
    """Average precision at k of each user, (n,); its mean over users is MAP@k.

    Σ over hits of the precision down to their rank, over min(k, how many are held out).

    >>> import scipy.sparse
    >>> average_precision([[0, 1, 3]], scipy.sparse.csr_array([[0, 1, 0, 1]]), k=3).round(4)
    array([0.5833])
    """
    hits, counts = _hits(ids, held, k)
    precision = hits.cumsum(1) / np.arange(1, hits.shape[1] + 1)
    return _share((hits * precision).sum(1), np.minimum(counts, hits.shape[1]))


def coverage(ids: Any, n_items: int, k: int) -> float:
    """The share of all items that stand among the first k of anybody: 0 to 1.

    >>> coverage([[0, 1], [0, -1]], n_items=4, k=2)
    0.5
    """
    shown = _ranked(ids, _interactions.whole(n_items, "n_items"), k)
    return len(np.unique(shown[shown >= 0])) / n_items


def novelty(ids: Any, popularity: Any, k: int) -> float:
    """How unlikely what is recommended is to be known already: mean self-information, in bits.

    −log₂ of the share of users who have an item, over the first k of everybody (Zhou et al. 2010, "Solving the
    apparent diversity-accuracy dilemma", equation 3).  ``popularity`` holds that share for each item,
    (items,).  NaN if nothing is recommended, infinite if something is that nobody has.

    >>> novelty([[0, 1], [0, 2]], [0.5, 0.25, 0.125], k=2)
    1.75
    """
    shares = np.asarray(popularity, np.float64)
    if shares.ndim != 1 or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(
            f"popularity of shape {shares.shape} was given, but shares of users from 0 to 1, one per item, were"
            " expected: pass how many users have each item, divided by how many there are."
        )
    shown = _ranked(ids, len(shares), k)
    with np.errstate(divide="ignore"):
        bits = -np.log2(shares[shown[shown >= 0]])
    return float(bits.mean()) + 0.0 if bits.size else float("nan")


def popular(train: Any, seen: Any, k: int) -> np.ndarray:
    """Ranked ids (n, k) of the items that most users of ``train`` have, without those in each row of ``seen``
    (n, items): what every recommender should beat.

    Of items that equally many users have, the first come first.  Items that nobody has are not recommended.

    >>> import scipy.sparse
    >>> train = scipy.sparse.csr_array([[1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0]])
    >>> popular(train, scipy.sparse.csr_array([[0, 0, 0, 1], [0, 0, 0, 0]]), k=3)
    array([[ 1,  0, -1],
           [ 1,  3,  0]])
    """
    train, seen = _interactions.canonical(train, "train"), _interactions.canonical(seen, "seen")
    _interactions.same_shape(train, seen, ("train", "seen"), slice(1, 2))
    k, items = _interactions.whole(k, "k"), train.shape[1]
    counts = np.bincount(train.indices, minlength=items)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    place = np.full(items, items)
    place[order] = np.arange(len(order))
    ids = np.full((seen.shape[0], k), -1)
    # Nobody needs more of the order than k and what they have.
    reach = min(len(order), k + int(_interactions.sizes(seen).max(initial=0)))
    step = max(1, BLOCK // max(1, reach))
    for start in range(0, seen.shape[0], step):
        part = seen[start : start + step]
        free = np.ones((part.shape[0], reach), bool)
        rows, places = _interactions.owners(part), place[part.indices]
        free[rows[places < reach], places[places < reach]] = False
        rank = free.cumsum(1) - 1
        rows, places = np.nonzero(free & (rank < k))
        ids[start + rows, rank[rows, places]] = order[places]
    return ids


@dataclass(frozen=True)
class Paired:
    """What :func:`bootstrap` found: the mean of a less that of b, and how sure that is."""

    difference: float
    low: float  # of the interval that has it in 95% of all cases
    high: float
    p: float  # one-sided: how often a would be no better


def bootstrap(a: Any, b: Any, draws: int = 10_000, random_state: Any = 0, *, users: Any = None) -> Paired:
    """Whether ``a`` is better than ``b``, both (n,) a number per user, in the same order, higher is better.

    Users are drawn with replacement, each with both numbers; the interval holds the middle 95% of the differences
    of means, p is the share of draws in which a is not better, (1 + count) / (1 + draws) (Efron & Tibshirani 1993,
    chapter 13; Davison & Hinkley 1997, equation 4.11).  Users with NaN in both are left out.

    ``a`` and ``b`` may be lists of such arrays, one per seed or split, which are pooled.  ``users`` then says whom
    each number is of, arrays like a's: all numbers of one user are drawn together, because they are not
    independent.  None takes each for a user of its own.

    >>> bootstrap([0.4, 0.5, 0.7], [0.3, 0.3, 0.5]).p
    9.999000099990002e-05
    """
    draws = _interactions.whole(draws, "draws")
    rng = _interactions.rng_of(random_state)
    a, b = _pooled(a, "a"), _pooled(b, "b")
    groups = np.arange(len(a)) if users is None else _pooled(users, "users", None)
    if not len(a) == len(b) == len(groups):
        raise ValueError(
            f"a has {len(a)} numbers, b {len(b)} and users {len(groups)}, but pairs were expected: pass numbers of the"
            " same users in the same order."
        )
    there = ~np.isnan(a)
    if not np.array_equal(there, ~np.isnan(b)) or not there.any():
        raise ValueError(
            f"a has {there.sum()} and b {(~np.isnan(b)).sum()} numbers that are not NaN, but pairs of at least one"
            " user were expected: pass figures of one held-out set."
        )
    apart, (_, who) = (a - b)[there], np.unique(groups[there], return_inverse=True)
    counts = np.bincount(who)
    sums = np.bincount(who, apart)
    found = np.empty(draws)
    step = max(1, BLOCK // len(counts))
    for start in range(0, draws, step):
        drawn = rng.integers(len(counts), size=(min(step, draws - start), len(counts)))
        found[start : start + step] = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(found, [0.025, 0.975])
    p = (1 + np.count_nonzero(found <= 0)) / (1 + draws)
    return Paired(float(apart.mean()), float(low), float(high), float(p))


def _hits(ids: Any, held: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of the first k was held out, (n, k), and how many were, (n,)."""
    held = _interactions.canonical(held, "held")
    shown = _ranked(ids, held.shape[1], k)
    if len(shown) != held.shape[0]:
        raise ValueError(
            f"ids has {len(shown)} rows and held {held.shape[0]}, but a row per user was expected in both: pass those"
            " of the same users in the same order."
        )
    # Every pair of user and item as one number, in int64: there may be many.
    width = np.int64(held.shape[1])
    wanted = _interactions.owners(held) * width + held.indices
    pairs = np.arange(len(shown))[:, None] * width + shown
    return np.isin(pairs, wanted) & (shown >= 0), _interactions.sizes(held)


def _ranked(ids: Any, n_items: int, k: int) -> np.ndarray:
    """The first k of ranked ids, (n, k) int64, if that is what they are."""
    k, ids = _interactions.whole(k, "k"), np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.shape[1] < k:
        raise ValueError(
            f"ids is an array of shape {ids.shape} of {ids.dtype}, but whole numbers (n, {k} or more) were expected:"
            " pass ranked items, -1 where there are no more, or a smaller k."
        )
    shown = ids[:, :k].astype(np.int64)
    if shown.size and not (shown.min() >= -1 and shown.max() < n_items):
        wrong = shown[(shown < -1) | (shown >= n_items)][0]
        raise ValueError(
            f"ids holds {wrong}, but items from 0 to {n_items - 1} were expected: pass column numbers, -1 for none."
        )
    ordered = np.sort(shown, 1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        row, at = np.argwhere(twice)[0]
        raise ValueError(
            f"ids holds item {ordered[row, at]} twice in row {row}, but each item once was expected: drop the second."
        )
    return shown


def _share(of: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(of, whole, out=np.full(len(of), np.nan), where=whole > 0)


def _pooled(values: Any, name: str, dtype: Any = np.float64) -> np.ndarray:
    """One array (n,), or several of them one after another."""
    several = isinstance(values, Sequence) and len(values) > 0 and np.ndim(values[0]) == 1
    parts = [np.asarray(part, dtype) for part in (values if several else [values])]
    if any(part.ndim != 1 for part in parts):
        raise ValueError(
            f"{name} has shape {parts[0].shape}, but a number per user, (n,), was expected: pass one array, or a list"
            " of one per seed."
        )
    return np.concatenate(parts)
