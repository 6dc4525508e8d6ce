"""Columns of user, item and value in a frame of interactions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import narwhals
import numpy as np

USER = ("user", "userid", "customer", "customerid", "visitorid", "uid")
ITEM = ("item", "itemid", "movie", "movieid", "product", "productid", "sku", "track", "trackid", "iid")
VALUE = ("value", "rating", "score", "count", "weight", "plays", "quantity")
SUMMED = ("count", "weight", "plays", "quantity")  # of one user and item; of ratings the last holds
ANSWERS = ("score", "because")  # columns of answers beside those of user and item
EXACT = 2**53  # whole numbers below it are what they are in any type
WIDE = 5  # columns: so many that are not named so are a matrix of users and items


def columns_of(names: Sequence[str], fitted: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of user, item and, if there is one, value: those that were ``fitted``, or by their names, else the
    first two and a third named like one."""
    known = {plain(name): name for name in names}
    if fitted and set(fitted[:2]) <= set(names):
        return tuple(name for name in fitted if name in names)
    if len(names) < 2:
        raise ValueError(
            f"R has the columns {told(names)}, but a user and an item were expected: pass a frame with both."
        )
    found = next((known[n] for n in USER if n in known), None)
    user = names[0] if found is None else found
    item = next((known[n] for n in ITEM if n in known and known[n] != user), None)
    if (found is None or item is None) and len(names) >= WIDE:
        raise ValueError(
            f"R has the columns {told(names)}, but one named like a user and one named like an item were expected: name"
            " them user and item, or, if each column is an item, pass numbers alone, as R.to_numpy()."
        )
    if found is None or item is None:
        item = next(name for name in names if name != user) if item is None else item
        warnings.warn(
            f"R has the columns {told(names)}: {user!r} was taken for users and {item!r} for items; name them user and"
            " item to be sure.",
            UserWarning,
            stacklevel=4,
        )
    for name in (user, item):
        if str(name) in ANSWERS:
            raise ValueError(
                f"Column {name!r} holds users or items, but answers have a column of this name: pass it under another,"
                " such as item."
            )
    value = [known[n] for n in VALUE if n in known and known[n] not in (user, item)]
    return (user, item, *value[:1])


def named(frame: Any, column: str) -> np.ndarray:
    """Names of users or items: whole numbers as such, all else as text; refused where one is missing."""
    values = frame[column]
    if gaps := int(gaps_of(values).sum()):
        raise ValueError(
            f"Column {column!r} has {gaps} gaps, but users and items were expected: drop those rows."
        )
    if not len(values):
        return np.zeros(0, np.int64)
    whole = values.dtype.is_integer() or (values.dtype.is_float() and (values % 1 == 0).all())
    if whole and values.abs().max() < EXACT:
        return values.to_numpy().astype(np.int64)
    return np.asarray(values.cast(narwhals.String).to_list(), dtype=str)


def numbers(frame: Any, column: str) -> np.ndarray:
    """Values of interactions; refused unless they are finite numbers."""
    values = frame[column]
    if not values.dtype.is_numeric():
        raise ValueError(
            f"Column {column!r} was taken for what an interaction is worth, but is of type {values.dtype}: pass"
            " numbers, or drop it."
        )
    found = values.to_numpy().astype(np.float64)
    if bad := np.count_nonzero(~np.isfinite(found)):
        raise ValueError(
            f"Column {column!r} was taken for what an interaction is worth, but {bad} of its {len(found)} values are"
            " missing or infinite: drop those rows, or the column."
        )
    return found


def gaps_of(values: Any) -> Any:
    """Which of a column are missing."""
    null = values.is_null()
    return null | values.is_nan().fill_null(True) if values.dtype.is_float() else null


def plain(name: Any) -> str:
    """A name by its small letters and digits alone."""
    return "".join(c for c in str(name).lower() if c.isalnum())


def told(names: Sequence[str]) -> str:
    """The first names of columns, and how many more there are."""
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[: 4 if more else 5])) + more
