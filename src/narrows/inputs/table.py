"""Rows of a table: numbers, whole numbers, booleans, categories and times, with gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from narrows.contracts import Rows, Shapes
from narrows.inputs import _checks, columns, frames
from narrows.inputs.columns import Column
from narrows.inputs.lazy import Converted, is_lazy
from narrows.inputs.natives import Native

ONE_HOT = 32  # categories that are written out as so many numbers; more are embedded


@dataclass(frozen=True)
class Table:
    """Each row is a row of a table: a frame (pandas, polars, pyarrow) or a 2-D array with columns of
    any type and values missing anywhere.

    ``categories``  names of columns that are categories although they hold whole numbers (as floats too,
                    which is what gaps make of them).
    ``max_levels``  the most categories that are kept of one column, the most frequent ones; others,
                    and those that turn up later, are taken as missing, with a warning.

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
    likelihood = "mixed"

    def __post_init__(self) -> None:
        names = (self.categories,) if isinstance(self.categories, str) else tuple(self.categories)
        object.__setattr__(self, "categories", names)
        if not self.max_levels >= 1:
            raise ValueError(
                f"Table got max_levels={self.max_levels!r}, but must keep some: pass a number ≥ 1."
            )

    def learn(self, X: Any) -> TableSchema:
        """The columns' names and types, and the categories they hold."""
        pieces = frames.pieces(X)
        given = next(pieces)
        if strange := [name for name in self.categories if name not in given]:
            raise ValueError(
                f"Table got categories={self.categories!r}, but there is no column {strange[0]!r}:"
                f" pass some of {', '.join(map(repr, given))}."
            )
        learners = {
            name: columns.Learner(_name(name), values.type, name in self.categories, self.max_levels)
            for name, values in given.items()
        }
        for piece in chain([given], pieces):
            for name, values in piece.items():
                learners[name].add(values)
        return TableSchema(tuple(one.done() for one in learners.values()), *frames.origin(X))

    def build(self, shapes: Shapes) -> nn.Module:
        return _Embed(shapes.levels or (0,) * shapes.features)


@dataclass(frozen=True)
class TableSchema:
    """``columns``; the ``frame`` library they came in, if they did, with its own types of them."""

    columns: tuple[Column, ...]
    frame: str | None = None
    natives: tuple[Native, ...] = ()

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

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Rows:
        """(n, columns) float64: numbers in the user's units, categories as codes, NaN where missing."""
        if is_lazy(X):
            told: set[str | int] = set()
            return Converted(X, self.row, np.float64, lambda part: self._read(part, told))
        return self._read(X)

    def _read(self, X: Any, told: set[str | int] | None = None) -> np.ndarray:
        given = {str(name): values for name, values in frames.arrow_columns(X).items()}
        if self.frame is not None and frames.is_frame(X):
            if lost := [c.name for c in self.columns if str(c.name) not in given]:
                raise ValueError(
                    f"X has no column {lost[0]!r}, but Autoencoder is expecting"
                    f" {', '.join(repr(c.name) for c in self.columns)}: pass the columns it was fitted on."
                )
        else:
            _checks.width(len(given), self.features)
            given = dict(zip((str(c.name) for c in self.columns), given.values(), strict=True))
        return np.stack([c.read(given[str(c.name)], told) for c in self.columns], 1)

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Back to columns of the types that were fitted (or that ``like`` has), in its frame library
        and with its index; an array where arrays are wanted."""
        arrays = [c.write(np.asarray(v, np.float64)) for c, v in zip(self.columns, rows.T, strict=True)]
        if like is not None and frames.is_frame(like):
            return frames.like(self.names, arrays, like, self.frame, self.natives)
        if like is not None or self.frame is None:
            return frames.as_array(arrays, rows.dtype)
        return frames.fresh(self.names, arrays, self.frame, self.natives)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "Table",
            "columns": [c.to_json() for c in self.columns],
            "frame": self.frame,
            "natives": [native.to_json() for native in self.natives],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableSchema:
        return cls(
            tuple(map(Column.from_json, data["columns"])),
            data["frame"],
            tuple(map(Native.from_json, data["natives"])),
        )


class _Embed(nn.Module):
    """(batch, columns) → (batch, inputs): numbers, 0 where missing; a flag each; categories one-hot
    or embedded, all zeros where missing."""

    def __init__(self, levels: Iterable[int]):
        super().__init__()
        levels = list(levels)
        self.hot = [(i, k) for i, k in enumerate(levels) if 0 < k <= ONE_HOT]
        wide = [(i, k) for i, k in enumerate(levels) if k > ONE_HOT]
        self.register_buffer("numbers", _index(i for i, k in enumerate(levels) if not k))
        # All one-hot categories at once: of each place its column and its code.
        self.register_buffer("column", _index(i for i, k in self.hot for _ in range(k)))
        codes = torch.tensor([c for _, k in self.hot for c in range(k)], dtype=torch.float32)
        self.register_buffer("code", codes)
        self.wide = [i for i, _ in wide]
        # The rule of thumb for the width is fast.ai's: 1.6 times the number of categories to the power 0.56.
        self.embeddings = nn.ModuleList(nn.Embedding(k, min(64, round(1.6 * k**0.56))) for _, k in wide)
        width = 2 * len(self.numbers) + len(codes) + sum(e.embedding_dim for e in self.embeddings)
        self.shape = (width,)

    def forward(self, x: Tensor) -> Tensor:
        numbers = x.index_select(1, self.numbers)
        gaps = numbers.isnan()
        parts = [
            torch.where(gaps, 0.0, numbers),
            gaps.to(x),
            (x.index_select(1, self.column) == self.code).to(x),
        ]
        for i, embedding in zip(self.wide, self.embeddings, strict=True):
            missing = x[:, i].isnan()
            vectors = embedding(torch.where(missing, 0.0, x[:, i]).long())
            parts.append(torch.where(missing[:, None], 0.0, vectors))
        return torch.cat(parts, 1)


def _name(name: Any) -> str | int:
    """A column's name as JSON has it: pandas knows numbers, too."""
    return int(name) if isinstance(name, Integral) else str(name)


def _index(numbers: Iterable[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.long)
