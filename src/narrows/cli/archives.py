"""What ``narrows info`` says of an archive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from narrows.coding import Reader
from narrows.estimators._promise import Promise
from narrows.estimators.codec import METHODS


def archive_facts(path: str) -> dict[str, Any]:
    """What stands in the header and the index; no row is decoded.

    Raises:
        ValueError: this is no archive, or a damaged one.
    """
    with Reader(path) as reader:
        promise = Promise.from_json(reader.header.get("promise"))
        ways = Counter(METHODS.get(entry.method, "unknown") for entry in reader.entries)
        return {
            "content": str(reader.header.get("content", "array"))[:40],
            "rows": reader.rows,
            "shape": [reader.rows, *reader.shape],
            "type": str(reader.dtype),
            "promise": promised(promise),
            "chunks": ", ".join(f"{count} by {way}" for way, count in ways.items()) or "none",
            "stored": Path(path).stat().st_size,
            "model inside": f"{reader.model_length} bytes" if reader.model_length else "no",
        }


def promised(promise: Promise) -> str:
    """How large an error may be, in the numbers that are stored.

    >>> promised(Promise(np.array([0.5, 0.0])))
    'errors of at most 0 to 0.5, a bound for each column'
    """
    if promise.lossless:
        return "every bit"
    if promise.eps is None or not promise.bounds_all:
        return "none: the error is the model's"
    low, high = float(np.min(promise.eps, initial=np.inf)), float(np.max(promise.eps, initial=0.0))
    if low >= high:
        return f"errors of at most {high:g}"
    return f"errors of at most {low:g} to {high:g}, a bound for each column"
