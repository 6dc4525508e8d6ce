"""Rows that are read on demand, on their way to numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def is_lazy(X: Any) -> bool:
    """Whether X is read on demand (see ``contracts.Rows``) and not in memory."""
    return not isinstance(X, np.ndarray) and hasattr(X, "block") and hasattr(X, "shape")


class Converted:
    """``convert`` applied to what is read of ``source``: rows (n, \\*row) of ``dtype``."""

    def __init__(self, source: Any, row: tuple[int, ...], dtype: Any, convert: Callable[[Any], np.ndarray]):
        self.source, self.convert, self.dtype = source, convert, np.dtype(dtype)
        self.shape, self.block = (len(source), *row), source.block
        if getattr(source, "spans", None) is not None:
            self.spans = source.spans

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice) -> np.ndarray:
        return self.convert(self.source[which])
