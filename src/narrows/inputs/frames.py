"""Frames of pandas, polars and pyarrow as Arrow columns, and back in their own types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.inputs.vectors import as_frame


def is_frame(X: Any) -> bool:
    return as_frame(X) is not None


def arrow_columns(X: Any) -> dict[Any, Any]:
    """The columns of a frame or a 2-D array, by name (x0, x1, … of an array), as Arrow arrays."""
    import pyarrow as pa

    frame = as_frame(X)
    if frame is None:
        array = np.asarray(X)
        if array.ndim != 2:
            raise ValueError(
                f"X has shape {array.shape}, but a table (rows, columns) was expected: pass a frame or a 2-D array."
            )
        _checks.nonempty(array)
        given = {f"x{i}": column for i, column in enumerate(array.T)}
    else:
        _checks.nonempty(np.empty(frame.shape))
        given = {column.name: column for column in frame.iter_columns()}
    found = {}
    for name, values in given.items():
        try:
            arrow = pa.array(values, from_pandas=True) if frame is None else values.to_arrow()
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
            raise ValueError(
                f"Column {name!r} holds values that do not go together ({str(error).splitlines()[0].rstrip('.')}):"
                " give it one type."
            ) from None
        found[name] = arrow.combine_chunks() if isinstance(arrow, pa.ChunkedArray) else arrow
    return found


def pieces(X: Any) -> Iterator[dict[Any, Any]]:
    """The columns of X, all at once, or of one piece after the other where X is read on demand."""
    if not is_lazy(X):
        yield arrow_columns(X)
        return
    for start in range(0, len(X), X.block):
        yield arrow_columns(X[start : start + X.block])


def origin(X: Any) -> tuple[str | None, tuple[str, ...]]:
    """The library of a frame, and the names of its own types of its columns."""
    frame = as_frame(X[0:1] if is_lazy(X) else X)
    if frame is None:
        return None, ()
    native = frame.to_native()
    library = frame.implementation.value
    if library == "pyarrow":
        return library, tuple(str(kind) for kind in native.schema.types)
    return library, tuple(str(kind) for kind in native.dtypes)


def as_array(columns: Sequence[Any], dtype: np.dtype) -> np.ndarray:
    """Columns side by side: numbers if all of them are, else objects."""
    import pyarrow as pa

    if all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in columns):
        return np.stack([c.to_numpy(zero_copy_only=False) for c in columns], 1).astype(dtype, copy=False)
    result = np.empty((len(columns[0]), len(columns)), object)
    for i, column in enumerate(columns):
        result[:, i] = column.to_pylist()
    return result


def like(names: Sequence[str], columns: Sequence[Any], X: Any) -> Any:
    """A frame of the library, names, types and index of X."""
    import pyarrow as pa

    frame = as_frame(X)
    library, native = frame.implementation.value, frame.to_native()
    at = {str(name): name for name in frame.columns}
    if library == "pandas":
        import pandas as pd

        data = {
            at[n]: _pandas(c).astype(native[at[n]].dtype).array for n, c in zip(names, columns, strict=True)
        }
        return pd.DataFrame(data, index=native.index)
    if library == "polars":
        import polars as pl

        return pl.DataFrame(
            [pl.Series(n, c).cast(native.schema[n]) for n, c in zip(names, columns, strict=True)]
        )
    kinds = [native.schema.field(n).type for n in names]
    return pa.table(dict(zip(names, map(_arrow, columns, kinds), strict=True)))


def fresh(
    names: Sequence[str],
    columns: Sequence[Any],
    library: str,
    natives: Sequence[str],
    levels: Sequence[tuple],
) -> Any:
    """A frame of that library whose columns have the types that it calls ``natives``."""
    import pyarrow as pa

    if library == "pandas":
        import pandas as pd

        kinds = [
            pd.CategoricalDtype(list(known)) if native == "category" else native
            for native, known in zip(natives, levels, strict=True)
        ]
        data = [_pandas(c).astype(kind).array for c, kind in zip(columns, kinds, strict=True)]
        return pd.DataFrame(dict(zip(names, data, strict=True)))
    if library == "polars":
        import polars as pl

        series = []
        for name, column, native, known in zip(names, columns, natives, levels, strict=True):
            one = pl.Series(name, column)
            kind = native.partition("(")[0]
            one = one.cast(pl.Enum(list(known))) if kind == "Enum" else one
            series.append(one.cast(pl.Categorical) if kind == "Categorical" else one)
        return pl.DataFrame(series)
    return pa.table({n: _coded(c, native) for n, c, native in zip(names, columns, natives, strict=True)})


def _coded(column: Any, native: str) -> Any:
    """As a dictionary column with indices of the type that ``native`` names, if it names one."""
    import pyarrow as pa

    indices = re.search(r"^dictionary<.*indices=(\w+)", native)
    if indices is None:
        return column
    kind = pa.dictionary(pa.type_for_alias(indices.group(1)), column.type, "ordered=1" in native)
    return column.dictionary_encode().cast(kind)


def _pandas(column: Any) -> Any:
    return column.to_pandas()


def _arrow(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode().cast(kind)
    return column.cast(kind, safe=False)


def needs_types(frame: nw.DataFrame) -> bool:
    """Whether a frame is more than complete numbers: it has text, categories, booleans, times or gaps."""
    for column in frame.iter_columns():
        if not column.dtype.is_numeric():
            if column.dtype != nw.Object:
                return True
            import pyarrow as pa

            try:
                kind = column.to_arrow().type
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                return False  # Vectors says what is wrong with it
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                return True
        if column.null_count() or (column.dtype.is_float() and bool(column.is_nan().any())):
            return True
    return False
