"""Rows of a table: numbers, whole numbers, booleans, categories and times, with gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
from torch import nn

from narrows.contracts import Rows, Shapes
from narrows.inputs import _checks, frames
from narrows.inputs.columns import UNSEEN, Column, unseen, warn_unseen
from narrows.inputs.embed import Embed
from narrows.inputs.lazy import Converted, is_lazy
from narrows.inputs.learner import Learner
from narrows.inputs.natives import Native


@dataclass(frozen=True)
class Table:
    """Each row is a row of a table: a frame (pandas, polars, pyarrow) or a 2-D array with columns of
    any type and values missing anywhere.

    ``categories``  names of columns that are categories although they hold whole numbers (as floats too,
                    which is what gaps make of them).
    ``max_levels``  the most categories that are kept of one column, the most frequent ones; others,
                    and those that turn up later, are taken as missing, with a warning.  They are counted
                    over all rows that are passed to be learned from, those that an estimator then holds out too,
                    and where there are more, one that turns up later surprises nobody.
    ``drop``        names of columns that are left out, as ids are: the model knows nothing of them, rows may
                    come without them, and answers like X have X's own.

    Text and categorical columns are categories, booleans two of them; dates, times, times of day and
    durations are seconds.  The network sees numbers with a flag where they are missing, and categories
    one-hot (an embedding from 33 categories on).

    Answers have the types of the frame that is answered, numbers rounded and kept within them, and of
    what it does not say (a column without values) those of the frame that was fitted.

    >>> import pandas as pd
    >>> schema = Table().learn(pd.DataFrame({"age": [31, 28], "job": ["cook", None]}))
    >>> schema.levels
    (0, 1)
    """

    categories: tuple[str, ...] = ()
    max_levels: int = 1000
    drop: tuple[str, ...] = ()
    likelihood = "mixed"

    def __post_init__(self) -> None:
        for field in ("categories", "drop"):
            names = getattr(self, field)
            names = (names,) if isinstance(names, (str, Integral)) else tuple(names)
            object.__setattr__(self, field, names)
        if not self.max_levels >= 1:
            raise ValueError(
                f"Table got max_levels={self.max_levels!r}, but must keep some: pass a number ≥ 1."
            )

    def learn(self, X: Any) -> TableSchema:
        """The columns' names and types, and the categories they hold."""
        names, drop = frames.names_of(X), set(map(str, self.drop))
        if strange := [name for name in self.drop if str(name) not in map(str, names)]:
            raise ValueError(
                f"Table got drop={self.drop!r}, but there is no column {strange[0]!r}: pass some of"
                f" {', '.join(map(repr, names))}."
            )
        if names and drop and len(drop) == len(names):
            raise ValueError(f"Table got drop={self.drop!r}, which are all columns: leave one to learn from.")
        pieces = frames.pieces(X, drop)
        given = next(pieces)
        if strange := [name for name in self.categories if name not in given]:
            raise ValueError(
                f"Table got categories={self.categories!r}, but there is no column {strange[0]!r}:"
                f" pass some of {', '.join(map(repr, given))}."
            )
        library, natives = frames.origin(X, drop)
        learners = {
            name: Learner(
                _name(name), values.type, name in self.categories, self.max_levels, library is not None
            )
            for name, values in given.items()
        }
        for piece in chain([given], pieces):
            for name, values in piece.items():
                learners[name].add(values)
        known = tuple(one.done() for one in learners.values())
        return TableSchema(known, library, natives, tuple(map(_name, names)) if drop else ())

    def build(self, shapes: Shapes) -> nn.Module:
        return Embed(shapes.levels or (0,) * shapes.features)


@dataclass(frozen=True)
class TableSchema:
    """``columns``; the ``frame`` library they came in, if they did, with its own types of them; ``given``: the
    names of all columns there were, if some were dropped."""

    columns: tuple[Column, ...]
    frame: str | None = None
    natives: tuple[Native, ...] = ()
    given: tuple[str | int, ...] = ()

    missing = True
    shared_scale = False

    @property
    def names(self) -> tuple[str | int, ...] | None:
        return None if self.frame is None else tuple(c.name for c in self.columns)

    @property
    def features(self) -> int:
        return len(self.columns)

    @property
    def row(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(c.size for c in self.columns)

    @property
    def times(self) -> tuple[str | int, ...]:
        """Columns whose unit, seconds, is nobody's choice."""
        return tuple(c.name for c in self.columns if c.kind == "time")

    @cached_property
    def dropped(self) -> frozenset[str]:
        return frozenset(map(str, self.given)) - {str(c.name) for c in self.columns}

    def features_of(self, X: Any) -> Any:
        """X without the columns that were dropped, if it has them."""
        if not self.given:
            return X
        if frames.is_frame(X):
            return frames.without(X, self._left_out(X))
        array = X if isinstance(X, np.ndarray) else frames.as_rows(X)
        return array[:, self._kept] if array.ndim == 2 and array.shape[1] == len(self.given) else X

    def _left_out(self, X: Any) -> frozenset[str]:
        """The names of those columns of a frame that were dropped; by their places where an array was fitted."""
        if self.frame is not None:
            return self.dropped
        names, kept = frames.names_of(X), self._kept
        whole = len(names) == len(self.given)
        return frozenset(str(name) for i, name in enumerate(names) if whole and i not in kept)

    @property
    def _kept(self) -> list[int]:
        """Where the columns are among all that were given."""
        return [i for i, name in enumerate(self.given) if str(name) not in self.dropped]

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Rows:
        """(n, columns) float64: numbers in the user's units, categories as codes, NaN where missing."""
        if is_lazy(X):
            told: list[str | int] = []
            return Converted(X, self.row, np.float64, lambda part: self._read(part, told))
        return self._read(X)

    def _read(self, X: Any, told: list[str | int] | None = None) -> np.ndarray:
        """``told``: columns that were warned of already, of rows that come in pieces."""
        if not frames.is_frame(X) and self.given:
            X = self.features_of(frames.as_rows(X))
        drop = self._left_out(X) if frames.is_frame(X) else ()
        given = {str(name): values for name, values in frames.arrow_columns(X, drop).items()}
        if self.frame is not None and frames.is_frame(X):
            if lost := [c.name for c in self.columns if str(c.name) not in given]:
                raise ValueError(
                    f"X has no column {lost[0]!r}, but Autoencoder is expecting"
                    f" {', '.join(repr(c.name) for c in self.columns)}: pass the columns it was fitted on."
                )
        else:
            _checks.width(len(given), self.features)
            given = dict(zip((str(c.name) for c in self.columns), given.values(), strict=True))
        strange: dict[str | int, Any] = {}
        rows = np.stack([c.read(given[str(c.name)], strange) for c in self.columns], 1)
        if strange and not told:
            warn_unseen(strange, told is not None)
        if told is not None:
            told.extend(strange)
        return rows

    def narrowed(self, rows: np.ndarray | Rows) -> TableSchema:
        """The schema that knows the categories of these rows alone, which are ``rows`` of this one."""
        counts = {j: np.zeros(c.size, int) for j, c in enumerate(self.columns) if c.kind == "category"}
        step = getattr(rows, "block", None) or max(1, len(rows))
        for start in range(0, len(rows) if counts else 0, step):
            part = rows[start : start + step]
            for j, found in counts.items():
                found += np.bincount(part[~np.isnan(part[:, j]), j].astype(int), minlength=len(found))
        return replace(
            self,
            columns=tuple(c.narrowed(counts[j]) if j in counts else c for j, c in enumerate(self.columns)),
        )

    def recoding(self, other: TableSchema) -> Callable[[Any], Any]:
        """What makes of ``rows`` of this schema those of a narrowed one, which does not know some of its categories."""
        maps = {}
        for j, (mine, its) in enumerate(zip(self.columns, other.columns, strict=True)):
            if mine.levels != its.levels:
                codes = {level: i for i, level in enumerate(its.levels)}
                maps[j] = np.array([codes.get(level, np.nan) for level in mine.levels])
                maps[j].view(np.uint64)[np.isnan(maps[j])] = UNSEEN

        def recoded(rows: Any) -> Any:
            if is_lazy(rows):
                return Converted(rows, self.row, np.float64, recoded) if maps else rows
            found = rows.copy() if maps else rows
            for j, codes in maps.items():
                there = ~np.isnan(rows[:, j])
                found[there, j] = codes[rows[there, j].astype(int)]
            return found

        return recoded

    def strange(self, rows: np.ndarray) -> np.ndarray:
        """Which entries (n, columns) are categories that were not seen in training; in a column that had more
        than were kept nobody knows."""
        return unseen(rows) & np.array([not c.cut for c in self.columns])

    def news(self, rows: np.ndarray) -> np.ndarray:
        """Nats (n, columns) by which :meth:`strange` categories surprise, 0 elsewhere."""
        return np.where(self.strange(rows), [c.news for c in self.columns], 0.0)

    def rounded(self, rows: np.ndarray) -> np.ndarray:
        """Rows (…, columns) with whole numbers and whole days where no others were ever seen in a column."""
        steps = np.array([c.step for c in self.columns])
        if not steps.any():
            return rows
        wide = np.where(steps > 0, steps, 1.0)
        return np.where(steps > 0, (rows / wide).round() * wide, rows)

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Back to columns of the types that were fitted (or that ``like`` has), in its frame library
        and with its index; an array where arrays are wanted.  Columns that were dropped are those of ``like``,
        if it has them."""
        arrays = [c.write(np.asarray(v, np.float64)) for c, v in zip(self.columns, rows.T, strict=True)]
        if like is not None and frames.is_frame(like):
            names, order = self.names, self.given
            if names is None:
                out, order = self._left_out(like), tuple(frames.names_of(like))
                names = tuple(name for name in order if str(name) not in out)
            return frames.like(names, arrays, like, self.frame, self.natives, order)
        if like is not None or self.frame is None:
            answer = frames.as_array(arrays, rows.dtype)
            return answer if like is None or not self.given else self._beside(answer, like)
        return frames.fresh(self.names, arrays, self.frame, self.natives)

    def _beside(self, answer: np.ndarray, like: Any) -> np.ndarray:
        """An array's answer, with the columns of ``like`` that were dropped where they were."""
        like = frames.as_rows(like)
        if like.shape != (len(answer), len(self.given)):
            return answer
        whole = like.astype(object if object in (like.dtype, answer.dtype) else answer.dtype)
        whole[:, self._kept] = answer
        return whole

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "Table",
            "columns": [c.to_json() for c in self.columns],
            "frame": self.frame,
            "natives": [native.to_json() for native in self.natives],
            "given": list(self.given),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableSchema:
        return cls(
            tuple(map(Column.from_json, data["columns"])),
            data["frame"],
            tuple(map(Native.from_json, data["natives"])),
            tuple(data.get("given", ())),
        )


def _name(name: Any) -> str | int:
    """A column's name as JSON has it: pandas knows numbers, too."""
    return int(name) if isinstance(name, Integral) else str(name)
