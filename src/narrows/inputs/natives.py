"""The types that frame libraries have of their own: remembered as JSON, and given back to answers.

Answers are made as Arrow columns.  A frame that is answered gets them in its own types, one that is made
anew (a sample) in those that were fitted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from narrows.inputs.arrow_types import into, named


@dataclass(frozen=True)
class Native:
    """A column's type in its library: its name (pandas' own; Arrow's for the others) and, of categories,
    all there may be, whether they are ``ordered``, and the name of their own type."""

    type: str
    categories: tuple[Any, ...] | None = None
    ordered: bool = False
    of: str | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Native:
        known = data["categories"]
        return cls(**{**data, "categories": None if known is None else tuple(known)})


class Library(Protocol):
    """What is asked of a frame library; ``kind`` is a type of its own."""

    def kinds(self, frame: Any) -> dict[Any, Any]:
        """Of each column, by its name; None where there is none because there are no values."""

    def describe(self, kind: Any) -> Native: ...

    def revive(self, native: Native) -> Any:
        """The kind that was described."""

    def column(self, values: Any, kind: Any) -> Any:
        """Arrow values as a column of that kind, or if None as the library takes them; one of ``ERRORS``
        where the kind cannot hold them."""

    def frame(self, names: Sequence[Any], columns: Sequence[Any], like: Any) -> Any:
        """A frame of columns, with the index of ``like``, if it has one."""


ERRORS = (ValueError, TypeError, NotImplementedError)


def column(library: Library, values: Any, kind: Any, fitted: Native | None) -> Any:
    """Arrow values as a column of that kind; of the one that was ``fitted`` where it cannot hold them, as
    one of no values or of fewer categories may not."""
    for choice in (lambda: kind, lambda: None if fitted is None else library.revive(fitted)):
        try:
            if (wanted := choice()) is not None:
                return library.column(values, wanted)
        except ERRORS:
            continue
    return library.column(values, None)


class _Pandas:
    def kinds(self, frame: Any) -> dict[Any, Any]:
        nothing = {name for name in frame.columns if frame[name].dtype == object and frame[name].isna().all()}
        return {n: None if n in nothing else kind for n, kind in frame.dtypes.items()}

    def describe(self, kind: Any) -> Native:
        import pandas as pd

        if isinstance(kind, pd.CategoricalDtype):
            of = self.describe(kind.categories.dtype).type
            return Native("category", tuple(kind.categories.tolist()), bool(kind.ordered), of)
        if isinstance(kind, pd.ArrowDtype):
            return Native(f"arrow:{kind.pyarrow_dtype}")
        if isinstance(kind, pd.StringDtype) and getattr(kind, "na_value", pd.NA) is pd.NA:
            return Native(f"string[{kind.storage}]")  # its name leaves that out
        return Native(str(kind))

    def revive(self, native: Native) -> Any:
        import pandas as pd

        if native.type == "category":
            known = pd.Index(list(native.categories or ()), dtype=self.revive(Native(native.of or "object")))
            return pd.CategoricalDtype(known, native.ordered)
        if native.type.startswith("arrow:"):
            return pd.ArrowDtype(named(native.type.removeprefix("arrow:")))
        return pd.api.types.pandas_dtype(native.type)

    def column(self, values: Any, kind: Any) -> Any:
        import pandas as pd
        import pyarrow as pa

        if kind is None:
            return values.to_pandas()
        if isinstance(kind, pd.CategoricalDtype):
            found = self.column(values, kind.categories.dtype)
            if not found.dropna().isin(kind.categories).all():
                raise ValueError(f"{kind} does not have all of the categories")
            return found.astype(kind)
        if isinstance(kind, pd.ArrowDtype):
            chunks = pa.chunked_array([into(values, kind.pyarrow_dtype)])
            return pd.Series(pd.arrays.ArrowExtensionArray(chunks))
        wanted = pa.Array.from_pandas(pd.Series([], dtype=kind)).type
        values = values if pa.types.is_null(wanted) else into(values, wanted)  # objects are whatever they are
        return values.to_pandas().astype(kind)

    def frame(self, names: Sequence[Any], columns: Sequence[Any], like: Any) -> Any:
        import pandas as pd

        data = dict(enumerate(column.array for column in columns))
        made = pd.DataFrame(data, index=None if like is None else like.index)
        made.columns = list(names)
        return made


class _Polars:
    def kinds(self, frame: Any) -> dict[Any, Any]:
        import polars as pl

        return {name: None if kind == pl.Null else kind for name, kind in frame.schema.items()}

    def describe(self, kind: Any) -> Native:
        import polars as pl

        categories = tuple(kind.categories.to_list()) if isinstance(kind, pl.Enum) else None
        return Native(str(pl.Series([], dtype=kind).to_arrow().type), categories)

    def revive(self, native: Native) -> Any:
        import polars as pl
        import pyarrow as pa

        if native.categories is not None:
            return pl.Enum(list(native.categories))
        return pl.Series(pa.array([], named(native.type))).dtype

    def column(self, values: Any, kind: Any) -> Any:
        import polars as pl
        import pyarrow as pa

        if kind is None:
            return pl.Series(values)
        wanted = pl.Series([], dtype=kind).to_arrow().type
        wanted = wanted.value_type if pa.types.is_dictionary(wanted) else wanted
        try:
            return pl.Series(into(values, wanted)).cast(kind)
        except pl.exceptions.PolarsError as error:
            raise ValueError(str(error)) from None

    def frame(self, names: Sequence[Any], columns: Sequence[Any], like: Any) -> Any:
        import polars as pl

        return pl.DataFrame([column.alias(str(name)) for name, column in zip(names, columns, strict=True)])


class _Arrow:
    def kinds(self, frame: Any) -> dict[Any, Any]:
        return {field.name: None if str(field.type) == "null" else field.type for field in frame.schema}

    def describe(self, kind: Any) -> Native:
        return Native(str(kind))

    def revive(self, native: Native) -> Any:
        return named(native.type)

    def column(self, values: Any, kind: Any) -> Any:
        return values if kind is None else into(values, kind)

    def frame(self, names: Sequence[Any], columns: Sequence[Any], like: Any) -> Any:
        import pyarrow as pa

        return pa.table(list(columns), names=[str(name) for name in names])


LIBRARIES: dict[str, Library] = {"pandas": _Pandas(), "polars": _Polars(), "pyarrow": _Arrow()}
