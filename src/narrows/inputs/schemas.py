"""Inferring an input from data, and schemas from JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.inputs.images import Images, ImagesSchema
from narrows.inputs.vectors import Vectors, VectorsSchema

SCHEMAS = {"Vectors": VectorsSchema, "Images": ImagesSchema}


def infer(X: Any) -> Vectors | Images:
    """Images for 3-D and 4-D arrays, Vectors for the rest; flat rows are never guessed to be images."""
    return Images() if getattr(X, "ndim", None) in (3, 4) or _nested(X) in (3, 4) else Vectors()


def _nested(X: Any) -> int | None:
    if not isinstance(X, (list, tuple)):
        return None
    try:
        return np.ndim(X)
    except ValueError:  # rows of unequal length, which Vectors refuses in a sentence
        return None


def schema_from_json(data: dict[str, Any]) -> VectorsSchema | ImagesSchema:
    """The inverse of ``to_json``."""
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
    return SCHEMAS[data["kind"]](**fields)
