"""A single row, however it was given, as rows that an input takes."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse

from narrows.inputs.text import TextSchema


def one(x: Any, schema: Any) -> Any:
    """A single row as a batch of one; a batch of one as it is.

    >>> one(np.arange(3), None)
    array([[0, 1, 2]])
    """
    rows = _batch(x, schema)
    found = rows.shape[0] if hasattr(rows, "shape") else len(rows)  # a sparse matrix has no length
    if found != 1:
        raise ValueError(f"Got {found} rows, but one was expected: pass a single row such as X[0].")
    return rows


def _batch(x: Any, schema: Any) -> Any:
    if isinstance(schema, TextSchema):
        return [x] if isinstance(x, str) else x
    if scipy.sparse.issparse(x):
        return x.reshape(1, -1) if x.ndim == 1 else x
    known = nw.from_native(x, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(known, nw.DataFrame):
        return x
    if isinstance(known, nw.Series):
        names = getattr(schema, "names", None)
        # A row of pandas knows its columns' names, unless it was made anew.
        named = known.implementation.is_pandas() and names is not None and set(names) <= set(x.index)
        return x.to_frame().T if named else known.to_numpy()[None]
    listed = isinstance(x, (list, tuple))
    if not (listed or hasattr(x, "shape")):
        raise ValueError(f"Got {x!r}, but a row was expected: pass a single row such as X[0].")
    array = np.asarray(x)
    if array.ndim == 1:
        # Numbers that stand among texts in a list stay numbers.
        return np.asarray(x, dtype=object if listed and array.dtype.kind in "US" else None)[None]
    return array[None] if array.shape == getattr(schema, "shape", None) else x
