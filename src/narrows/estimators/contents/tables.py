"""Tables: columns as numbers, and the way back to a frame of the types that were given.

The codes of categories go on where those of the model end: what the model never saw has a number, too, and its name
stands in the header.  The network sees a gap there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from narrows.coding import Reader
from narrows.estimators.contents.packed import packed, unpacked, wrong
from narrows.estimators.contents.rows import ANY, Answer, Content
from narrows.inputs import frames
from narrows.inputs.arrow_types import family, named
from narrows.inputs.columns import Column, labels_of
from narrows.inputs.lazy import is_lazy
from narrows.inputs.table import Table, TableSchema
from narrows.inputs.vectors import Vectors

SINGLE = {"float32": "float", "float64": "double"}  # and of those that a frame of numbers is one of
FLOATS = ("halffloat", "float", "double")  # Arrow's names of types that have errors
EXACT = ("integer", "time")  # kinds whose values float64 may not hold


class Tables(Content):
    """A frame, or what a model of a table reads as one, as columns of numbers, float64 (float32 where all are that).

    A gap comes back as a gap, under any promise: null and NaN, whatever its bits, are one.
    """

    kind = "table"
    endings = (".parquet", ".csv")

    def __init__(self, X: Any, schema: Any):
        try:
            self._read(X, schema)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"X holds the text {error.object!r}, but text that can be written as UTF-8 was expected: replace"
                f" {error.object[error.start : error.end]!r}, which is half a character."
            ) from None

    def _read(self, X: Any, schema: Any) -> None:
        _same_columns(X, schema)
        self.schema, self.frame = schema, frames.is_frame(X) or hasattr(X, "schema")
        self.typed = hasattr(self.schema, "columns")
        if self.typed:
            left = sorted(self.schema.dropped & set(map(str, frames.names_of(X))))
            if left:
                warnings.warn(
                    f"Column {left[0]!r} was left out when the codec was fitted, and is not stored.",
                    stacklevel=5,
                )
            self.own: TableSchema | None = _own(X, self.schema)
            rows = self.own.rows(X, finite=False) if len(X) else np.empty((0, *self.own.row))
        elif getattr(schema, "windowed", False):  # a row is a sample
            self.own = Table().learn(X)
            rows = self.own.rows(X, finite=False)
            if rows.shape[1:] != (schema.channels,):
                raise ValueError(
                    f"X has {rows.shape[1]} column(s) that tell anything, but a series of {schema.channels} channel(s)"
                    " was expected: pass the channels that the model was fitted on."
                )
        else:
            if not len(X):
                raise ValueError("X is a frame without rows, but some were expected: pass one row or more.")
            rows = schema.rows(X, finite=False)
            self.own = None if _plain(X, self.schema) else Table().learn(X)
        self._take(rows)
        # Types that arrays have are given back, too.
        self.of = None if self.frame or np.asarray(X).dtype.kind not in "fiu" else np.asarray(X).dtype.str

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = {} if self.of is None else {"of": self.of}
        if self.own is None or self.own == self.schema:
            return found
        return found | {"table": packed(_beyond(self.own, self.schema))}

    def exact(self, eps: Any) -> np.ndarray:
        if self.own is None:
            return np.asarray(eps, np.float64)
        kinds = [named(column.type) for column in self.own.columns]
        steps = [
            bool(getattr(column, "step", 0)) for column in getattr(self.schema, "columns", self.own.columns)
        ]
        numbers = [
            c.kind == "number" and not (s and self.typed)
            for c, s in zip(self.own.columns, steps, strict=True)
        ]
        allowed = np.where([n and _floats(k) for n, k in zip(numbers, kinds, strict=True)], eps, 0.0)
        single = np.array([str(kind) != "double" for kind in kinds]) & (allowed > 0) & (allowed < ANY)
        if single.any():  # the answer is rounded once more, to floats of fewer digits
            allowed = np.where(single, self._rounded(allowed, kinds), allowed)
        return allowed

    def _rounded(self, eps: np.ndarray, kinds: list[Any]) -> np.ndarray:
        """What is left of bounds: nothing beyond the largest of a column's floats, and less half a step between
        neighbours where its answers are largest."""
        most = np.zeros(self.shape[1])
        for start in range(0, len(self), 1 << 16):
            part = np.abs(self[start : start + (1 << 16)])
            most = np.maximum(most, part.max(0, initial=0.0, where=np.isfinite(part)))
        types = [np.dtype(kind.to_pandas_dtype()) if _floats(kind) else np.dtype(float) for kind in kinds]
        left = np.empty(len(types))
        for j, (of, m, e) in enumerate(zip(types, most, eps, strict=True)):
            info = np.finfo(of)
            e = max(0.0, min(e, float(info.max) - m))
            step = 2.0 ** (math.frexp(m + e)[1] - 1 - info.nmant)
            left[j] = max(0.0, e - max(step, float(info.smallest_subnormal)) / 2)
        return left


class TableAnswer(Answer):
    """A frame of the library and the types that were given; an array where that was given."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        self.schema = schema
        if "table" in self.header:
            try:
                self.schema = _with(schema, unpacked(self.header["table"]))
            except (KeyError, TypeError, AttributeError, IndexError) as error:
                raise wrong(f"its columns are not described, {error}") from None
        if self.shape != self.schema.row:
            raise wrong(f"it has rows of {self.shape}, the model those of {self.schema.row}")

    def back(self, part: np.ndarray) -> Any:
        found = self.schema.restore(part)
        return found.astype(self.header["of"]) if "of" in self.header else found


def _same_columns(X: Any, schema: Any) -> None:
    """Refuse a frame with columns that would be lost, or taken for others."""
    if schema.names is None or not (frames.is_frame(X) or hasattr(X, "schema")):
        return
    given, wanted = list(map(str, frames.names_of(X))), list(map(str, schema.names))
    lost = [name for name in wanted if name not in given]
    more = [name for name in given if name not in wanted and name not in getattr(schema, "dropped", ())]
    if lost or more:
        odd = f"no column {lost[0]!r}" if lost else f"a column {more[0]!r}"
        raise ValueError(
            f"X has {odd}, but the codec was fitted on {', '.join(map(repr, wanted))}: pass those columns, or fit it on"
            " rows like X."
        )
    if not hasattr(schema, "columns") and given != wanted:
        raise ValueError(
            f"X has the columns {', '.join(map(repr, given))}, but the codec was fitted on them in another order: pass"
            f" X[{wanted!r}]."
        )


def _floats(kind: Any) -> bool:
    """Whether a column of that Arrow type may be a little off."""
    return str(kind) in FLOATS


def _plain(X: Any, schema: Any) -> bool:
    """Whether a schema of numbers says all there is to say about the frame X."""
    first = X[0:1] if is_lazy(X) else nw.from_native(X, eager_only=True)[0:1].to_native()
    kinds = {str(values.type) for values in frames.arrow_columns(first).values()}
    return Vectors().learn(first) == schema and kinds == {SINGLE.get(str(schema.dtype))}


def _own(X: Any, schema: TableSchema) -> TableSchema:
    """The model's schema with the types of X, and with such categories at the end as the model does not know."""
    columns = list(schema.columns)
    news: list[dict[Any, None]] = [{} for _ in columns]
    kinds: list[Any] = [None] * len(columns)
    for piece in _pieces(X, schema) if len(X) else ():
        for j, (column, values) in enumerate(zip(columns, piece, strict=True)):
            if kinds[j] is None and family(values.type) != "null":
                kinds[j] = values.type
            if column.kind == "category" and family(values.type) != "null":
                news[j].update(dict.fromkeys(_unknown(column, values)))
            elif column.kind in EXACT:
                _hold(column, values)
    for j, column in enumerate(columns):
        same = (
            kinds[j] is not None
            and column.kind in ("number", "integer", "time")
            and family(kinds[j]) != "text"
        )
        text = str(kinds[j]) if same else column.type
        columns[j] = replace(column, levels=(*column.levels, *news[j]), type=text)
    own = replace(schema, columns=tuple(columns))
    if not (frames.is_frame(X) or hasattr(X, "schema")):
        return own
    library, natives = frames.origin(X)
    by_name = dict(zip(map(str, frames.names_of(X)), natives, strict=True))
    names = [str(column.name) for column in columns]
    if schema.frame is None:  # fitted on an array, whose columns have no names
        left = [name for name in by_name if name not in schema.dropped]
        return replace(
            own, frame=library, natives=tuple(by_name[n] for n in left), columns=_named(columns, left)
        )
    return replace(own, frame=library, natives=tuple(by_name[name] for name in names))


def _named(columns: list[Column], names: list[str]) -> tuple[Column, ...]:
    return tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True))


def _pieces(X: Any, schema: TableSchema) -> Iterator[list[Any]]:
    """The columns of X, Arrow arrays in the order of the schema; whoever reads rows says what is wrong with others."""
    for found in frames.pieces(X, schema.dropped):
        by_name = {str(name): values for name, values in found.items()}
        names = [str(column.name) for column in schema.columns]
        if all(name in by_name for name in names):
            yield [by_name[name] for name in names]
        elif len(by_name) == len(names) and schema.frame is None:
            yield list(by_name.values())
        else:
            schema.rows(X[0:1] if is_lazy(X) else X)  # says which is missing
            return


def _unknown(column: Column, values: Any) -> list[Any]:
    """The categories among values that a column does not have, in the order in which they come."""
    known = set(column.levels)
    labels = [x for x in labels_of(values, column.name).unique().to_pylist() if x is not None and x == x]
    kinds = {type(level) for level in column.levels}
    if kinds == {int}:  # gaps make floats of whole numbers
        labels = [int(x) if isinstance(x, float) and x.is_integer() else x for x in labels]
    new = [x for x in labels if x not in known]
    if odd := [x for x in new if kinds and type(x) not in kinds]:
        raise ValueError(
            f"Column {column.name!r} holds {odd[0]!r}, but categories such as {column.levels[0]!r} were fitted:"
            " pass it as their type."
        )
    return new


def _hold(column: Column, values: Any) -> None:
    """Refuse whole numbers and times that float64 does not hold to the last digit."""
    import pyarrow as pa

    if not (pa.types.is_integer(values.type) or pa.types.is_temporal(values.type)):
        return
    mine = replace(column, type=str(values.type))
    if not mine.write(mine.read(values, {})).equals(values):
        raise ValueError(
            f"Column {column.name!r} holds {values.type} with more digits than the 53 binary ones that can be stored:"
            " pass it as text, or in coarser units."
        )


def _beyond(own: TableSchema, schema: Any) -> dict[str, Any]:
    """What is to be known of a file's own schema beside that of its model, as JSON."""
    found = own.to_json()
    if isinstance(schema, TableSchema):
        for column, known in zip(found["columns"], schema.columns, strict=True):
            column["levels"] = column["levels"][len(known.levels) :]
    return found


def _with(schema: Any, found: dict[str, Any]) -> TableSchema:
    """The inverse of :func:`_beyond`."""
    own = TableSchema.from_json(found)
    if not isinstance(schema, TableSchema):
        return own
    pairs = zip(own.columns, schema.columns, strict=True)
    return replace(own, columns=tuple(replace(c, levels=(*known.levels, *c.levels)) for c, known in pairs))


__all__ = ["TableAnswer", "Tables"]
