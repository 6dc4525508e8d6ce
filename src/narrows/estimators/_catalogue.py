"""Interactions as people have them, matrices and frames of user and item, as one sparse matrix, and the way back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals
import numpy as np
import scipy.sparse

from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame

USER = ("user", "userid", "customer", "customerid", "visitorid", "uid")
ITEM = ("item", "itemid", "movie", "movieid", "product", "productid", "sku", "track", "trackid", "iid")
VALUE = ("value", "rating", "count", "weight", "score", "plays", "quantity")


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

    def read(self, R: Any, at_least: float | None) -> Interactions:
        """Interactions with the known items; those with others are left out, which a warning says.

        ``at_least``: what is worth less does not count, though it was seen; None: what is not above 0.
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
        items = named(frame, columns[1])
        if items.dtype.kind != self.names.dtype.kind:
            raise ValueError(
                f"Column {columns[1]!r} holds items such as {items[0].item()!r}, but those that were fitted are such as"
                f" {self.names[0].item()!r}: pass items of the same type."
            )
        places = np.searchsorted(self.names, items).clip(max=self.count - 1)
        known = self.names[places] == items
        if not known.all():
            warnings.warn(
                f"{np.count_nonzero(~known)} of {len(known)} interactions are with items that were not fitted, such as"
                f" {items[np.argmin(known)].item()!r}: they are left out.",
                UserWarning,
                stacklevel=4,
            )
        if at_least is not None and at_least > 1 and len(columns) < 3:  # each would be worth 1
            raise ValueError(
                f"R has the columns {list(frame.columns)}, but at_least={at_least:g} asks what an interaction is worth:"
                " pass a column named value, rating or count, or at_least=None."
            )
        values = np.ones(len(known)) if len(columns) < 3 else numbers(frame, columns[2])
        shape = (len(users), self.count)
        coo = (values[known], (rows[known], places[known]))
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
    csr = scipy.sparse.csr_array(R, dtype=np.float64)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    if not np.isfinite(csr.data).all():
        raise ValueError("R holds NaN or infinity, but finite numbers were expected: leave such entries out.")
    return csr


def columns_of(names: Sequence[str], fitted: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of user, item and, if there is one, value: those that were ``fitted``, or by their names, else the
    first two and a third named like one."""
    plain = {"".join(c for c in str(name).lower() if c.isalnum()): name for name in names}
    if fitted and set(fitted[:2]) <= set(names):
        return tuple(name for name in fitted if name in names)
    if len(names) < 2:
        raise ValueError(
            f"R has the columns {list(names)}, but a user and an item were expected: pass a frame with both."
        )
    user = next((plain[n] for n in USER if n in plain), names[0])
    item = next((plain[n] for n in ITEM if n in plain and plain[n] != user), None)
    if item is None:
        item = next(name for name in names if name != user)
    value = [plain[n] for n in VALUE if n in plain and plain[n] not in (user, item)]
    return (user, item, *value[:1])


def named(frame: Any, column: str) -> np.ndarray:
    """Names of users or items: whole numbers as such, all else as text; refused where one is missing."""
    values = frame[column]
    gaps = values.null_count() + (int(values.is_nan().sum()) if values.dtype.is_float() else 0)
    if gaps:
        raise ValueError(
            f"Column {column!r} has {gaps} gaps, but users and items were expected: drop those rows."
        )
    if values.dtype.is_integer() or (values.dtype.is_float() and (values % 1 == 0).all()):
        return values.to_numpy().astype(np.int64)
    return np.asarray(values.cast(narwhals.String).to_list(), dtype=str)


def numbers(frame: Any, column: str) -> np.ndarray:
    """Values of interactions; refused unless they are finite numbers."""
    values = frame[column]
    found = values.to_numpy().astype(np.float64) if values.dtype.is_numeric() else None
    if found is None or not np.isfinite(found).all():
        raise ValueError(
            f"Column {column!r} was taken for what an interaction is worth, but does not hold finite numbers: pass one"
            " that does, or drop it."
        )
    return found


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
