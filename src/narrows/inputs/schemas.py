"""Inferring an input from data, and schemas from JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.contracts import Schema
from narrows.inputs.frames import needs_types
from narrows.inputs.images import Images, ImagesSchema
from narrows.inputs.table import Table, TableSchema
from narrows.inputs.vectors import Vectors, VectorsSchema, as_frame

SCHEMAS = {"Vectors": VectorsSchema, "Images": ImagesSchema, "Table": TableSchema}


def infer(X: Any) -> Vectors | Images | Table:
    """Images for 3-D and 4-D arrays, Table for frames of more than complete numbers, Vectors for the
    rest; flat rows are never guessed to be images."""
    frame = as_frame(X)
    if frame is not None and needs_types(frame):
        return Table()
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
