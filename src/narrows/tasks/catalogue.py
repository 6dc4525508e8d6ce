"""Interactions as people have them, matrices and frames of user and item, as one sparse matrix, and the way back."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import narwhals
import numpy as np
import scipy.sparse

from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame
from narrows.tasks.columns import SUMMED, columns_of, gaps_of, named, numbers, plain, told


@dataclass(frozen=True)
class Interactions:
    """``matrix`` csr (users, items) of what counts, each entry 1; ``seen`` all that there is, also what is worth too
    little to count; ``users`` their names, None where rows have none; ``frame`` what came in, if it was one."""

    matrix: Any
    seen: Any
    users: np.ndarray | None
    frame: Any


@dataclass(frozen=True)
class Catalogue:
    """The items that a recommender knows: so many ``count``, their ``names`` where they have any, and ``columns``:
    those of the frame that was fitted, (user, item) and the value's, if there is one."""

    count: int
    names: np.ndarray | None = None
    columns: tuple[str, ...] = ()

    @classmethod
    def learn(cls, R: Any) -> Catalogue:
        """What the columns of a matrix, or the items in a frame, are."""
        if (frame := frame_of(R)) is None:
            return cls(matrix_of(R).shape[1])
        columns = columns_of(frame.columns)
        names = np.unique(named(frame, columns[1]))
        return cls(len(names), names, columns)

    def only(self, which: np.ndarray) -> Catalogue:
        """Of a frame's items those that are marked (count,)."""
        return Catalogue(int(np.count_nonzero(which)), self.names[which], self.columns)

    def read(self, R: Any, at_least: float | None) -> Interactions:
        """Interactions with the known items; those with others are left out, which a warning says if they count.

        ``at_least``: what is worth less does not count, though it was seen; None: what is not above 0.  Where a frame
        has a user and an item in several rows, what they are worth is summed if it is a number of times, else the last
        holds.  A row without an item says that there is such a user.
        """
        if (frame := frame_of(R)) is None:
            return self._of(matrix_of(R), at_least, None, None)
        if self.names is None:
            raise ValueError(
                f"R is a frame, but the recommender was fitted on a matrix with {self.count} items: pass one with as"
                " many columns."
            )
        columns = columns_of(frame.columns, self.columns)
        users, rows, firsts = _ordered(named(frame, columns[0]))
        there = ~gaps_of(frame[columns[1]]).to_numpy()
        frame, rows = frame.filter(there.tolist()) if not there.all() else frame, rows[there]
        items = named(frame, columns[1])
        if items.size and items.dtype.kind != self.names.dtype.kind:
            raise ValueError(
                f"Column {columns[1]!r} holds items such as {items[0].item()!r}, but those that were fitted are such as"
                f" {self.names[0].item()!r}: pass items of the same type."
            )
        if at_least is not None and at_least > 1 and len(columns) < 3:  # each would be worth 1
            raise ValueError(
                f"R has the columns {told(frame.columns)}, but at_least={at_least:g} asks what an interaction is worth:"
                " pass a column named value, rating or count, or at_least=None."
            )
        values = np.ones(len(items)) if len(columns) < 3 else numbers(frame, columns[2])
        places = np.searchsorted(self.names, items).clip(max=self.count - 1)
        known = self.names[places] == items if items.size else np.zeros(0, bool)
        missed = ~known & (values > 0 if at_least is None else values >= at_least)
        if missed.any():
            warnings.warn(
                f"{np.count_nonzero(missed)} of {len(known)} interactions are with items that were not fitted, such as"
                f" {items[np.argmax(missed)].item()!r}: they are left out.",
                UserWarning,
                stacklevel=4,
            )
        summed = len(columns) > 2 and plain(columns[2]) in SUMMED
        kept = np.flatnonzero(known) if summed else _last(rows * self.count + places, known)
        coo = (values[kept], (rows[kept], places[kept]))
        shape = (len(users), self.count)
        return self._of(scipy.sparse.coo_array(coo, shape=shape).tocsr(), at_least, users[firsts], rows_of(R))

    def _of(self, csr: Any, at_least: float | None, users: np.ndarray | None, frame: Any) -> Interactions:
        if csr.shape[1] != self.count:
            raise ValueError(
                f"X has {csr.shape[1]} features, but Recommender is expecting {self.count} features as input: pass as R"
                " a matrix with a column for each item that was fitted."
            )
        if at_least is None and csr.nnz and csr.data.min() < 0:
            raise ValueError(
                f"Negative values in data, such as {csr.data.min():.6g} in R, are no interactions: pass numbers ≥ 0, or"
                " at_least= for values that are to count."
            )
        kept = csr.data > 0 if at_least is None else csr.data >= at_least
        seen = scipy.sparse.csr_array(
            (np.ones(csr.nnz, np.float32), csr.indices, csr.indptr), shape=csr.shape
        )
        matrix = seen.copy()
        matrix.data = kept.astype(np.float32)
        matrix.eliminate_zeros()
        return Interactions(matrix, seen, users, frame)

    def ids(self, places: np.ndarray) -> np.ndarray:
        """The names of items, or their numbers where they have none."""
        return places if self.names is None else self.names[places]

    def places(self, items: Any) -> np.ndarray:
        """The inverse; refused where an item is not known."""
        asked = np.atleast_1d(np.asarray(items))
        asked = np.asarray(asked.tolist()) if asked.dtype == object else asked
        known = np.arange(self.count) if self.names is None else self.names
        if asked.dtype.kind.replace("u", "i") != known.dtype.kind:
            found, bad = np.zeros(len(asked), np.int64), np.ones(len(asked), bool)
        else:
            found = np.searchsorted(known, asked).clip(max=self.count - 1)
            bad = known[found] != asked
        if np.any(bad):
            what = asked.tolist()[int(np.argmax(bad))]
            raise ValueError(
                f"There is no item {what!r} among the {self.count} that were fitted: pass one of items_."
            )
        return found.astype(np.int64)


def rows_of(R: Any) -> Any:
    """What is read on demand, all at once: interactions are small."""
    return R[:] if is_lazy(R) else R


def frame_of(R: Any) -> Any:
    """R as a narwhals frame, if it is one; refused if it is empty."""
    frame = as_frame(rows_of(R))
    if frame is None and hasattr(R, "collect"):
        raise TypeError(
            f"R is a {type(R).__name__}, but rows that are there were expected: pass R.collect()."
        )
    if frame is not None and not len(frame):
        raise ValueError("R has no rows, but interactions were expected: pass a row for each.")
    return frame


def matrix_of(R: Any) -> Any:
    """A matrix of users and items as canonical csr float64; refused unless it holds finite numbers."""
    if not scipy.sparse.issparse(R):
        R = _checks.numeric(R, "R")
        if R.ndim != 2:
            raise ValueError(
                f"R is a {R.ndim}-D array, but interactions were expected, a matrix (users, items) or a frame with a"
                " row of user and item for each: Reshape your data using R.reshape(1, -1) if it is one user."
            )
    elif R.ndim != 2 or R.dtype.kind not in "biuf":
        raise ValueError(
            f"R is a {R.ndim}-D sparse array of type {R.dtype}, but a matrix (users, items) of numbers was expected:"
            " pass one."
        )
    _checks.nonempty(np.broadcast_to(0, R.shape), "R")
    # A copy: places are put in order below, and must not be in the user's matrix.
    csr = scipy.sparse.csr_array(R, dtype=np.float64, copy=True)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    if not np.isfinite(csr.data).all():
        raise ValueError("R holds NaN or infinity, but finite numbers were expected: leave such entries out.")
    return csr


def _last(pairs: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Where each of the pairs that are marked stands for the last time."""
    at = np.flatnonzero(which)[::-1]
    return np.sort(at[np.unique(pairs[at], return_index=True)[1]])


def interactions(R: Any, at_least: float | None = None) -> tuple[Any, np.ndarray, np.ndarray]:
    """What counts of R, as ``Recommender.fit`` takes it, as a matrix of 1s, scipy.sparse (users, items); the users of
    its rows and the items of its columns, names or numbers: what :func:`split` divides.

    ``R``  a frame with a row of user, item and maybe value for each interaction, or a matrix.
    ``at_least``  what is worth less is none; None: what is not above 0.  Items that nobody then has are left out of a
    frame's.

    >>> import pyarrow
    >>> frame = {"user": ["ann", "ann", "bob"], "item": ["tea", "jam", "tea"], "rating": [5, 2, 4]}
    >>> matrix, users, items = interactions(pyarrow.table(frame), at_least=4)
    >>> users.tolist(), items.tolist(), matrix.toarray().tolist()
    (['ann', 'bob'], ['tea'], [[1.0], [1.0]])
    """
    catalogue = Catalogue.learn(R)
    given = catalogue.read(R, at_least)
    users = np.arange(given.matrix.shape[0]) if given.users is None else given.users
    if catalogue.names is None:
        return given.matrix, users, catalogue.ids(np.arange(catalogue.count))
    had = had_by_any(given.matrix)
    return given.matrix[:, had], users, catalogue.names[had]


def had_by_any(matrix: Any) -> np.ndarray:
    """Which columns of a csr matrix have entries."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0


def _ordered(names: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Different names, the number of each, and their order: users stand in the order in which they first come."""
    users, firsts, rows = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(firsts, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return users, place[rows], order


def framed(columns: dict[str, np.ndarray], like: Any) -> Any:
    """Columns as a frame of the library of ``like``."""
    return narwhals.from_dict(columns, backend=narwhals.get_native_namespace(as_frame(like))).to_native()
