"""Frames of pandas, polars and pyarrow as Arrow columns, and back in their own types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.inputs.natives import LIBRARIES, Native, column
from narrows.sources.frames import as_frame


def is_frame(X: Any) -> bool:
    return as_frame(X) is not None


def as_rows(X: Any) -> np.ndarray:
    """What is no frame as an array; lists of objects, for those of mixed rows would become text otherwise."""
    return np.asarray(X, dtype=object if isinstance(X, (list, tuple)) else None)


def arrow_columns(X: Any, drop: Collection[str] = ()) -> dict[Any, Any]:
    """The columns of a frame or a 2-D array, by name (x0, x1, … of an array), as Arrow arrays; but for those
    to ``drop``, which may hold whatever they like."""
    import pyarrow as pa

    frame = as_frame(X)
    if frame is None:
        array = as_rows(X)
        if array.ndim != 2:
            raise ValueError(
                f"X has shape {array.shape}, but a table (rows, columns) was expected: pass a frame or a 2-D array."
            )
        _checks.nonempty(array)
        if not array.dtype.isnative:  # Arrow takes this machine's order of bytes alone
            array = array.astype(array.dtype.newbyteorder("="))
        given = {f"x{i}": values for i, values in enumerate(array.T)}
    else:
        _checks.nonempty(np.empty(frame.shape))
        given = {values.name: values for values in frame.iter_columns()}
    found = {}
    for name, values in given.items():
        if str(name) in drop:
            continue
        try:
            arrow = pa.array(values, from_pandas=True) if frame is None else values.to_arrow()
        except OverflowError:
            raise _wide(name) from None
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
            if frame is not None and values.dtype in (nw.Int128, nw.UInt128):
                raise _wide(name) from None
            if frame is not None and _is_sparse(values):
                raise ValueError(
                    f"Column {name!r} is of pandas' type {values.to_native().dtype}, but a dense one was expected:"
                    f" pass X[{name!r}].sparse.to_dense()."
                ) from None
            raise ValueError(
                f"Column {name!r} holds values that do not go together ({str(error).splitlines()[0].rstrip('.')}):"
                " give it one type."
            ) from None
        found[name] = arrow.combine_chunks() if isinstance(arrow, pa.ChunkedArray) else arrow
    return found


def _is_sparse(values: nw.Series) -> bool:
    return values.implementation.is_pandas() and hasattr(values.to_native(), "sparse")


def _wide(name: Any) -> ValueError:
    return ValueError(
        f"Column {name!r} holds whole numbers that do not fit into 64 bits: pass it as floats, or as text if they"
        " are names."
    )


def pieces(X: Any, drop: Collection[str] = ()) -> Iterator[dict[Any, Any]]:
    """The columns of X, all at once, or of one piece after the other where X is read on demand."""
    if not is_lazy(X):
        yield arrow_columns(X, drop)
        return
    for start in range(0, len(X), X.block):
        yield arrow_columns(X[start : start + X.block], drop)


def names_of(X: Any) -> list[Any]:
    """The names of columns: a frame's own, x0, x1, … of an array."""
    X = X[0:1] if is_lazy(X) else X
    frame = as_frame(X)
    if frame is not None:
        return list(frame.columns)
    shape = X.shape if hasattr(X, "shape") else as_rows(X).shape
    return [f"x{i}" for i in range(shape[1])] if len(shape) == 2 else []


def without(X: Any, drop: Collection[str]) -> Any:
    """A frame without the columns of these names."""
    frame = nw.from_native(X, eager_only=True)
    kept = [i for i, name in enumerate(frame.columns) if str(name) not in drop]
    return X if len(kept) == len(frame.columns) else frame[:, kept].to_native()


def origin(X: Any, drop: Collection[str] = ()) -> tuple[str | None, tuple[Native, ...]]:
    """The library of a frame, and its own types of its columns."""
    frame = as_frame(X[0:1] if is_lazy(X) else X)
    if frame is None:
        return None, ()
    name, native = _native(frame)
    library = LIBRARIES[name]
    kinds = [kind for label, kind in library.kinds(native).items() if str(label) not in drop]
    return name, tuple(Native("null") if kind is None else library.describe(kind) for kind in kinds)


def _native(frame: nw.DataFrame) -> tuple[str, Any]:
    """A frame and its library's name; one of a library that is not known here as pyarrow's."""
    name = frame.implementation.value
    return (name, frame.to_native()) if name in LIBRARIES else ("pyarrow", frame.to_arrow())


def as_array(columns: Sequence[Any], dtype: np.dtype) -> np.ndarray:
    """Columns side by side: numbers if all of them are, else objects."""
    import pyarrow as pa

    if all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in columns):
        return np.stack([c.to_numpy(zero_copy_only=False) for c in columns], 1).astype(dtype, copy=False)
    result = np.empty((len(columns[0]), len(columns)), object)
    for i, values in enumerate(columns):
        result[:, i] = values.to_pylist()
    return result


def like(
    names: Sequence[Any] | None,
    columns: Sequence[Any],
    X: Any,
    fitted: str | None,
    natives: Sequence[Native],
    order: Sequence[Any] = (),
) -> Any:
    """Arrow columns as a frame of the library, names, types and index of X; ``names`` None: in its order.

    A column of which X has no values is of the type that was ``fitted``, in that library.  ``order``: names
    among which there are others, whose columns are X's own, if it has them.
    """
    frame = as_frame(X)
    name, native = _native(frame)
    library = LIBRARIES[name]
    kinds = library.kinds(native)
    at = {str(label): label for label in kinds}
    labels = list(kinds) if names is None else [at[str(n)] for n in names]
    known = natives if name == fitted else [None] * len(columns)
    made = [column(library, c, kinds[n], k) for n, c, k in zip(labels, columns, known, strict=True)]
    if order and len(frame) == len(columns[0]):
        mine = dict(zip(labels, made, strict=True))
        labels = [at[str(n)] for n in order if str(n) in at]
        made = [mine[n] if n in mine else native[n] for n in labels]
    return library.frame(labels, made, native)


def fresh(names: Sequence[Any], columns: Sequence[Any], fitted: str, natives: Sequence[Native]) -> Any:
    """Arrow columns as a frame of the library and types that were ``fitted``."""
    library = LIBRARIES[fitted]
    made = [column(library, c, None, native) for c, native in zip(columns, natives, strict=True)]
    return library.frame(names, made, None)


def needs_types(frame: nw.DataFrame) -> bool:
    """Whether a frame is more than complete numbers: it has text, categories, booleans, times or gaps."""
    for values in frame.iter_columns():
        if not values.dtype.is_numeric():
            if values.dtype != nw.Object:
                return True
            import pyarrow as pa

            try:
                kind = values.to_arrow().type
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
                continue  # whoever reads it says what is wrong with it
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                return True
        if values.null_count() or (values.dtype.is_float() and bool(values.is_nan().any())):
            return True
    return False
