"""Inferring an input from data, and schemas from JSON."""

from __future__ import annotations

from typing import Any

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
from narrows.inputs.text import TextSchema
from narrows.inputs.vectors import Vectors, VectorsSchema, as_frame

SCHEMAS = {
    "Vectors": VectorsSchema,
    "Images": ImagesSchema,
    "Table": TableSchema,
    "Counts": CountsSchema,
    "Text": TextSchema,
    "Signals": SignalsSchema,
    "Patches": PatchesSchema,
}


def infer(X: Any, signals: bool = False) -> Vectors | Images | Table | Counts | Signals:
    """Counts for sparse matrices, Images for 3-D and 4-D arrays, Table for frames of more than complete
    numbers, Vectors for the rest; flat rows are never guessed to be images.  For a backbone of
    ``signals``, arrays are Signals."""
    if scipy.sparse.issparse(X):
        return Counts()
    if hasattr(X, "schema") and is_lazy(X):
        frame = as_frame(X.schema.empty_table())
        return Vectors() if X.complete and not needs_types(frame) else Table()
    frame = as_frame(X)
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


def _nested(X: Any) -> int | None:
    if not isinstance(X, (list, tuple)):
        return None
    try:
        return np.ndim(X)
    except ValueError:  # rows of unequal length, which Vectors refuses in a sentence
        return None


def schema_from_json(data: dict[str, Any]) -> Schema:
    """The inverse of ``to_json``."""
    schema = SCHEMAS[data["kind"]]
    if hasattr(schema, "from_json"):
        return schema.from_json(data)
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
    return schema(**fields)
