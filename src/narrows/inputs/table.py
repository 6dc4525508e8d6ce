"""Rows of a table: numbers, whole numbers, booleans, categories and times, with gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.inputs import _checks, columns, frames
from narrows.inputs.columns import Column
from narrows.inputs.lazy import Converted, is_lazy

ONE_HOT = 32  # categories that are written out as so many numbers; more are embedded


@dataclass(frozen=True)
class Table:
    """Each row is a row of a table: a frame (pandas, polars, pyarrow) or a 2-D array with columns of
    any type and values missing anywhere.

    ``categories``  names of columns that are categories although they hold whole numbers.
    ``max_levels``  the most categories that are kept of one column, the most frequent ones; others,
                    and those that turn up later, are taken as missing, with a warning.

    Text and categorical columns are categories, booleans two of them; times are seconds.  The
    network sees numbers with a flag where they are missing, and categories one-hot (an embedding
    from 33 categories on).

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
            name: columns.Learner(str(name), values.type, name in self.categories, self.max_levels)
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
    """``columns``; the ``frame`` library they came in, with the names of its own types of theirs."""

    columns: tuple[Column, ...]
    frame: str | None = None
    natives: tuple[str, ...] = ()

    missing = True
    shared_scale = False

    @property
    def names(self) -> tuple[str, ...] | None:
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

    def rows(self, X: Any, finite: bool = True) -> np.ndarray:
        """(n, columns) float64: numbers in the user's units, categories as codes, NaN where missing."""
        if is_lazy(X):
            return Converted(X, self.row, np.float64, self.rows)
        given = {str(name): values for name, values in frames.arrow_columns(X).items()}
        if self.frame is not None and frames.is_frame(X):
            if lost := [c.name for c in self.columns if c.name not in given]:
                raise ValueError(
                    f"X has no column {lost[0]!r}, but Autoencoder is expecting"
                    f" {', '.join(repr(c.name) for c in self.columns)}: pass the columns it was fitted on."
                )
        else:
            _checks.width(len(given), self.features)
            given = dict(zip((c.name for c in self.columns), given.values(), strict=True))
        return np.stack([c.read(given[c.name]) for c in self.columns], 1)

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Back to columns of the types that were fitted (or that ``like`` has), in its frame library
        and with its index; an array where arrays are wanted."""
        arrays = [c.write(np.asarray(v, np.float64)) for c, v in zip(self.columns, rows.T, strict=True)]
        if like is not None and not frames.is_frame(like):
            return frames.as_array(arrays, rows.dtype)
        if like is None and self.frame is None:
            return frames.as_array(arrays, rows.dtype)
        names = [c.name for c in self.columns]
        if like is not None:
            return frames.like(names, arrays, like)
        return frames.fresh(names, arrays, self.frame, self.natives, [c.levels for c in self.columns])

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "Table",
            "columns": [c.to_json() for c in self.columns],
            "frame": self.frame,
            "natives": list(self.natives),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableSchema:
        return cls(
            tuple(Column(**{**c, "levels": tuple(c["levels"])}) for c in data["columns"]),
            data["frame"],
            tuple(data["natives"]),
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


def _index(numbers: Iterable[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.long)
