"""Rows as linear methods want them: categories one-hot."""

from __future__ import annotations

import numpy as np


def design(rows: np.ndarray, levels: tuple[int, ...] | None) -> np.ndarray:
    """Rows (n, \\*row) flat, (n, features); each category column as one indicator per category.
    What is missing is NaN.

    >>> design(np.array([[0.5, 1.0]]), (0, 3))
    array([[0.5, 0. , 1. , 0. ]])
    """
    flat = rows.reshape(len(rows), -1)
    if levels is None or not any(levels):
        return flat
    parts = []
    for column, k in zip(flat.T, levels, strict=True):
        hot = (column[:, None] == np.arange(k)).astype(flat.dtype) if k else column[:, None]
        parts.append(np.where(np.isnan(column)[:, None], np.nan, hot))
    return np.concatenate(parts, 1)


def design_width(levels: tuple[int, ...] | None, features: int) -> int:
    """How many features that makes of so many columns."""
    return features if levels is None else sum(max(k, 1) for k in levels)


def undesign(flat: np.ndarray, levels: tuple[int, ...] | None, row: tuple[int, ...]) -> np.ndarray:
    """The inverse: each category the one whose indicator is largest."""
    if levels is None or not any(levels):
        return flat.reshape(len(flat), *row)
    stops = np.cumsum([max(k, 1) for k in levels])[:-1]
    parts = np.split(flat, stops, axis=1)
    return np.stack([p.argmax(1) if k else p[:, 0] for p, k in zip(parts, levels, strict=True)], 1)
