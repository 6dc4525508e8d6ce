"""What the verb recommend says of users: lines of user, item and score, and because of which of the user's items."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame
from narrows.tasks.columns import columns_of, named

REASONS = 3  # items that are named for one
STRONG = 0.5  # of the strongest reason: what is weaker is not named beside it


def recommended(
    recommender: Any, rows: Any, k: int, *, include_seen: bool, explained: int | None
) -> tuple[dict[str, list[Any]], int]:
    """Columns user, item, score and, where lines get reasons, because; and how many users there are.

    ``explained``: of how many users, the first, lines get reasons; None: of all.
    """
    rows = rows[:] if is_lazy(rows) else rows
    if isinstance(rows, pa.Table):
        users = _users(recommender, rows)
        columns = recommender.recommend(rows, k, exclude_seen=not include_seen).to_pydict()
    else:
        ids, scores = recommender.recommend(rows, k, exclude_seen=not include_seen)
        users, there = list(range(len(ids))), scores > -float("inf")
        columns = {
            "user": there.nonzero()[0].tolist(),
            "item": ids[there].tolist(),
            "score": scores[there].tolist(),
        }
    if explained != 0:
        columns["because"] = _because(recommender, rows, columns, users[:explained])
    return columns, len(users)


def _users(recommender: Any, rows: Any) -> list[Any]:
    """The users in a table, in the order in which they first come; refused where it has nothing of the model's."""
    fitted, known = recommender.columns_, recommender.items_
    with warnings.catch_warnings(action="ignore"):  # the model says what it takes them for
        user, item, *value = columns_of(rows.column_names, fitted)
    frame = as_frame(rows)
    items = named(frame.drop_nulls(item), item)
    # Of a model of a matrix, and of items of another type, the model itself says what is wrong.
    if fitted and items.size and items.dtype.kind == known.dtype.kind and not np.isin(items, known).any():
        raise ValueError(
            f"column '{item}' of DATA holds none of the {len(known)} items of the model, such as '{known[0]}'; give a"
            f" table with the columns {', '.join(fitted[:2])}, as the fit's were."
        )
    if recommender.at_least is not None and fitted[2:] and not value:
        raise ValueError(
            f"DATA has no column '{fitted[2]}', by which the model tells what counts (at least"
            f" {recommender.at_least:g}); give a table with the columns {', '.join(fitted)}."
        )
    return list(dict.fromkeys(named(frame, user).tolist()))


def _because(
    recommender: Any, rows: Any, columns: Mapping[str, list[Any]], users: Sequence[Any]
) -> list[str]:
    """For each line the user's items that have most to do with it, where it is one of these ``users``."""
    mine, items, *_ = columns.values()
    wanted: dict[Any, list[int]] = {user: [] for user in users}
    for line, user in enumerate(mine):
        if user in wanted:
            wanted[user].append(line)
    found = [""] * len(mine)
    part = _of(recommender, rows, users)
    for rank in range(max(map(len, wanted.values()))):
        lines = [wanted[user][rank] if rank < len(wanted[user]) else None for user in users]
        # One item for each user is asked about: of those who have no more, any.
        asked = [recommender.items_[0] if line is None else items[line] for line in lines]
        with warnings.catch_warnings(action="ignore"):  # what is to be said of the rows was said
            reasons = _reasons(recommender, part, asked, users)
        for place, strongest in zip(lines, reasons, strict=True):
            if place is not None:
                found[place] = "; ".join(strongest)
    return found


def _of(recommender: Any, rows: Any, users: Sequence[Any]) -> Any:
    """What the first users of all have."""
    if not isinstance(rows, pa.Table):
        return rows[: len(users)]

    with warnings.catch_warnings(action="ignore"):
        names = named(as_frame(rows), columns_of(rows.column_names, recommender.columns_)[0])
    return rows.filter(pa.array(np.isin(names, np.asarray(users))))


def _reasons(recommender: Any, rows: Any, items: Sequence[Any], users: Sequence[Any]) -> list[list[str]]:
    """For each user the names of one to three items that have most to do with an item; none where nothing has."""
    told = recommender.explain(rows, items)
    if isinstance(told, pa.Table):
        found: dict[Any, list[tuple[float, str]]] = {user: [] for user in users}
        user, _, because, score = told.to_pydict().values()
        for who, what, much in zip(user, because, score, strict=True):
            found[who].append((much, str(what)))
        return [_strongest(reasons) for reasons in found.values()]
    names, ends = recommender.items_, told.indptr
    return [
        _strongest(list(zip(told.data[a:b].tolist(), map(str, names[told.indices[a:b]]), strict=True)))
        for a, b in pairwise(ends)
    ]


def _strongest(reasons: Sequence[tuple[float, str]]) -> list[str]:
    """The names of the strongest reasons, of those that speak for it.

    >>> _strongest([(0.2, "a"), (1.0, "b"), (0.6, "c"), (-3.0, "d")])
    ['b', 'c']
    """
    best = sorted((pair for pair in reasons if pair[0] > 0), key=lambda pair: -pair[0])[:REASONS]
    return [name for much, name in best if much >= STRONG * best[0][0]]
