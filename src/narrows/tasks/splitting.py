"""Users set aside, whom a recommender has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.tasks import _interactions


@dataclass(frozen=True)
class Folded:
    """Held-out users: what a recommender is told of them, and what it should find."""

    seen: Any  # csr (n, items)
    held: Any  # csr (n, items): other interactions of the same users
    users: np.ndarray  # (n,) their rows in what was split, ascending


@dataclass(frozen=True)
class Split:
    """Training users, and those set aside for validation and test; all have the same columns."""

    train: Any  # csr (n, items)
    validation: Folded
    test: Folded
    users: np.ndarray  # (n,) rows of the training users in what was split, ascending


def split(
    R: Any,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    held: float = 0.2,
    least: int = 5,
    random_state: Any = 0,
) -> Split:
    """Users divided for strong generalisation: no interaction of those who judge is ever trained on.

    Liang et al. 2018, "Variational autoencoders for collaborative filtering", section 4.1.

    ``R``  scipy.sparse (users, items); whatever is not 0 is an interaction, and keeps its value.
    ``validation``, ``test``  a share of the users as a float below 1, or so many of them as an int.
    ``held``  the share of a held-out user's interactions that are to be found, rounded down, at least one;
              the others are ``seen``.
    ``least``  users with fewer interactions are left out.

    Interactions of held-out users with items that no training user has are dropped; who has a single one left
    then has nothing held out.

    >>> import scipy.sparse
    >>> parts = split(scipy.sparse.csr_array(np.ones((100, 30))), random_state=0)
    >>> parts.train.shape, parts.test.seen.shape, parts.test.held.shape
    ((80, 30), (10, 30), (10, 30))
    """
    csr, rng = _interactions.canonical(R, "R"), _interactions.rng_of(random_state)
    if not 0 < held < 1:
        raise ValueError(
            f"held={held!r} was given, but a share between 0 and 1 was expected: pass for example held=0.2."
        )
    if _interactions.whole(least, "least") < 2:
        raise ValueError(
            "least=1 was given, but a user needs one item to tell and one to find: pass 2 or more."
        )
    users = np.flatnonzero(_interactions.sizes(csr) >= least)
    counts = [_count(n, name, len(users)) for n, name in ((validation, "validation"), (test, "test"))]
    if sum(counts) >= len(users):
        raise ValueError(
            f"validation={validation!r} and test={test!r} are {sum(counts)} of the {len(users)} users with {least} or"
            " more interactions, but some were expected to be left for training: set fewer aside."
        )
    cuts = np.cumsum(counts)
    for_validation, for_test, for_training = map(np.sort, np.split(rng.permutation(users), cuts))
    train = csr[for_training]
    known = np.bincount(train.indices, minlength=csr.shape[1]) > 0
    return Split(
        train,
        _fold(csr[for_validation], for_validation, known, held, rng),
        _fold(csr[for_test], for_test, known, held, rng),
        for_training,
    )


def folded(R: Any, *, held: float = 0.2, least: int = 5, random_state: Any = 0) -> Folded:
    """All users of R that a recommender was not fitted on, who are told of some of their interactions; what
    ``held``, ``least`` and R are says :func:`split`.

    >>> import scipy.sparse
    >>> both = folded(scipy.sparse.csr_array(np.ones((3, 10))))
    >>> both.seen.sum(1).tolist(), both.held.sum(1).tolist()
    ([8.0, 8.0, 8.0], [2.0, 2.0, 2.0])
    """
    csr, rng = _interactions.canonical(R, "R"), _interactions.rng_of(random_state)
    users = np.flatnonzero(_interactions.sizes(csr) >= least)
    return _fold(csr[users], users, np.ones(csr.shape[1], bool), held, rng)


def _count(asked: Any, name: str, of: int) -> int:
    """How many users a share or a whole number of them is."""
    whole = isinstance(asked, (int, np.integer)) and not isinstance(asked, bool)
    share = isinstance(asked, (float, np.floating)) and 0 <= asked < 1
    if not share and not (whole and asked >= 0):
        raise ValueError(
            f"{name}={asked!r} was given, but a share of users below 1 or a whole number of them was expected: pass"
            f" for example {name}=0.1."
        )
    return int(asked) if whole else round(asked * of)


def _fold(rows: Any, users: np.ndarray, known: np.ndarray, share: float, rng: np.random.Generator) -> Folded:
    """Interactions of users (n, items), of ``known`` items alone, divided at random."""
    rows = _some(rows, known[rows.indices])
    owner, sizes = _interactions.owners(rows), _interactions.sizes(rows)
    # A hair more, because 0.29 · 100 is less than 29 in floating point.
    wanted = np.where(sizes > 1, np.maximum(1, np.floor(share * sizes + 1e-9)), 0).astype(int)
    # Within each user in random order, the first so many are held out.
    order = np.lexsort((rng.random(rows.nnz), owner))
    place = np.empty(rows.nnz, int)
    place[order] = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
    chosen = place < wanted[owner]
    return Folded(_some(rows, ~chosen), _some(rows, chosen), users)


def _some(rows: Any, which: np.ndarray) -> Any:
    """Those interactions of a csr matrix alone."""
    ends = np.concatenate([[0], np.cumsum(which)])[rows.indptr]
    return type(rows)((rows.data[which], rows.indices[which], ends), shape=rows.shape)
