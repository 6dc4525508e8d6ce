"""Inferring an input from data, and schemas from JSON."""

from __future__ import annotations

import os
from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse

from narrows.contracts import Schema
from narrows.inputs.counts import Counts, CountsSchema
from narrows.inputs.frames import needs_types
from narrows.inputs.images import Images, ImagesSchema
from narrows.inputs.lazy import is_lazy
from narrows.inputs.patches import PatchesSchema
from narrows.inputs.signals import Signals, SignalsSchema
from narrows.inputs.table import Table, TableSchema
from narrows.inputs.text import Text, TextSchema
from narrows.inputs.vectors import Vectors, VectorsSchema
from narrows.sources.frames import as_frame

SCHEMAS = {
    "Vectors": VectorsSchema,
    "Images": ImagesSchema,
    "Table": TableSchema,
    "Counts": CountsSchema,
    "Text": TextSchema,
    "Signals": SignalsSchema,
    "Patches": PatchesSchema,
}


def infer(X: Any, signals: bool = False) -> Vectors | Images | Table | Counts | Signals | Text:
    """Counts for sparse matrices, Images for 3-D and 4-D arrays, Table for frames of more than complete
    numbers, Text for one column of strings that is no frame, Vectors for the rest; flat rows are never
    guessed to be images.  For a backbone of ``signals``, arrays are Signals."""
    if scipy.sparse.issparse(X):
        return Counts()
    frame = as_frame(X)  # first, for it knows how to say that two columns have one name
    if (first := _text(X)) is not None:
        if os.path.exists(first):
            raise ValueError(
                f"X is a list of {len(X)} texts, of which the first, {first!r}, is the name of a file: pass the path"
                " of a folder, a pattern, or nw.sources.Parquet(X); or input='text' if names are what is meant."
            )
        return Text()
    if hasattr(X, "schema") and is_lazy(X):
        kinds = as_frame(X.schema.empty_table())
        return Table() if needs_types(kinds) or not X.complete else Vectors()
    if frame is not None and needs_types(frame):
        return Table()
    if getattr(X, "uncut", False):
        lengths = sorted(map(len, X))
        raise ValueError(
            f"X holds {len(X)} sound{'s' if len(X) > 1 else ''} of {lengths[0]} to {lengths[-1]} samples, which"
            " have to be cut into windows: pass input=Signals(window=1024), on the command line --set input=signals"
            " --set input.window=1024."
        )
    if signals:  # the backbone reads nothing else
        return Signals()
    return Images() if getattr(X, "ndim", None) in (3, 4) or _nested(X) in (3, 4) else Vectors()


def _text(X: Any) -> str | None:
    """The first string of a list, 1-D array or series of strings; None of all else."""
    import pyarrow as pa

    texts = nw.from_native(X, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(texts, nw.Series):
        texts = texts.drop_nulls()
    elif isinstance(X, pa.Array):
        texts = X.drop_null()[:1].to_pylist()
    elif not isinstance(X, (list, tuple)) and not (isinstance(X, np.ndarray) and X.ndim == 1):
        return None
    return texts[0] if len(texts) and isinstance(texts[0], str) else None


def _nested(X: Any) -> int | None:
    if not isinstance(X, (list, tuple)):
        return None
    try:
        return np.ndim(X)
    except ValueError:  # rows of unequal length, which Vectors refuses in a sentence
        return None


def features_of(schema: Schema, X: Any) -> Any:
    """X, or the first row of what is read on demand, without columns that the schema leaves out: what
    scikit-learn is to compare the names and number of."""
    X = X[0:1] if is_lazy(X) else X
    return schema.features_of(X) if hasattr(schema, "features_of") else X


def schema_from_json(data: dict[str, Any]) -> Schema:
    """The inverse of ``to_json``."""
    schema = SCHEMAS[data["kind"]]
    if hasattr(schema, "from_json"):
        return schema.from_json(data)
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
    return schema(**fields)
